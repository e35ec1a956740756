"""Lists the programs: `python -m recipes`."""

from tfcourse import __main__ as console

if __name__ == "__main__":
    print(console.listing())

"""The console command `tfcourse`, also as `python -m recipes`; alone, it lists the programs."""

from tfcourse import __main__ as console

if __name__ == "__main__":
    console.main()

"""Starts a kernel of Jupyter as a fork of what has imported TensorFlow, and ends when it ends.

    python tests/warm_kernel.py ADDRESS ipykernel_launcher -f CONNECTION_FILE ...

`ADDRESS` is that of the server in `tests/warm_server.py`.
"""

import os
import sys

import processes


def main() -> None:
    address, module, *arguments = sys.argv[1:]
    kernel = processes.Program(module, *arguments, cwd=os.getcwd(), address=address)
    sys.exit(kernel.wait(600))


if __name__ == "__main__":
    main()

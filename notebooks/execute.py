"""Executes notebooks, each in a kernel of its own, and saves them with their outputs.

    python notebooks/execute.py                        # all of them
    python notebooks/execute.py notebooks/5_*.ipynb    # some
    python notebooks/execute.py --into=FOLDER          # as copies

It needs `pip install -e ".[notebooks]"`. Where a cell fails, that notebook is left as it was, and
the exit code is 1.
"""

import argparse
import pathlib
import sys
import tempfile

import nbclient
import nbformat

FOLDER = pathlib.Path(__file__).resolve().parent
SECONDS_PER_CELL = 300


def execute(notebook):
    """Replaces all outputs of `notebook` by those of a clean kernel in an empty folder.

    Left out is what differs from one machine or day to the next: times, the version of Python, and
    what TensorFlow's C++ says about processors, which goes to this program's stderr instead.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        nbclient.NotebookClient(
            notebook,
            timeout=SECONDS_PER_CELL,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.capture_fd_output=False", "--log-level=ERROR"],
            resources={"metadata": {"path": folder}},
            record_timing=False,
            coalesce_streams=True,  # Where a print is cut into two depends on the load.
        ).execute()
    notebook.metadata.language_info = {"name": "python"}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", type=pathlib.Path, metavar="NOTEBOOK")
    parser.add_argument("--into", type=pathlib.Path, metavar="FOLDER")
    arguments = parser.parse_args()
    for path in arguments.notebooks or sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        try:
            execute(notebook)
        except nbclient.exceptions.CellExecutionError as error:
            sys.exit(f"{path.name}: {error}")
        nbformat.write(notebook, (arguments.into or path.parent) / path.name)


if __name__ == "__main__":
    main()

"""Executes notebooks, each in a kernel of its own, and saves them with their outputs.

    python notebooks/execute.py                        # all of them
    python notebooks/execute.py notebooks/5_*.ipynb    # some
    python notebooks/execute.py --into=FOLDER          # as copies

The first cell installs from the address in pyproject.toml, once there is one.
It needs `pip install -e ".[notebooks]"`. Where a cell fails, that notebook is left as it was, and
the exit code is 1.
"""

import argparse
import base64
import io
import pathlib
import re
import sys
import tempfile
import tomllib

import nbclient
import nbformat
from PIL import Image

FOLDER = pathlib.Path(__file__).resolve().parent
SECONDS_PER_CELL = 300
COLOURS = 128  # Of a picture: all that the eye sees, in a third of the bytes.


def execute(notebook: nbformat.NotebookNode) -> None:
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
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = with_few_colours(output.data["image/png"])


def fill_in(notebook: nbformat.NotebookNode, address: str) -> None:
    """Puts the project's address into the form that says what pip installs."""
    for cell in notebook.cells:
        if cell.id == "install-code":
            form = rf'\g<1>"git+{address}"'
            cell.source = re.sub(r'^(ADDRESS = )".*?"', form, cell.source, flags=re.MULTILINE)


def project_address() -> str | None:
    """Returns the address of the repository, once pyproject.toml has it."""
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"].get("urls", {}).get("Repository")


def with_few_colours(picture: str) -> str:
    """Returns a PNG picture, base64 text in and out, with a palette of `COLOURS`."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    few = image.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    file = io.BytesIO()
    few.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", type=pathlib.Path, metavar="NOTEBOOK")
    parser.add_argument("--into", type=pathlib.Path, metavar="FOLDER")
    arguments = parser.parse_args()
    address = project_address()
    for path in arguments.notebooks or sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if address:
            fill_in(notebook, address)
        try:
            execute(notebook)
        except nbclient.exceptions.CellExecutionError as error:
            sys.exit(f"{path.name}: {error}")
        nbformat.write(notebook, (arguments.into or path.parent) / path.name)


if __name__ == "__main__":
    main()

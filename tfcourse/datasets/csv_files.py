"""`csv:PATH`: a table in a file."""

from tfcourse import files
from tfcourse.datasets import table, tables

USES = ("label", "missing", "categorical", "ignore")


def check(path, reading):
    """Checks what can be checked at once: that there is such a file with such columns."""
    tables.check_columns(str(path), table.read_header(path), reading)


def load(path, reading):
    """Returns the table as a `Dataset`; see `tables.dataset`."""
    name = f"csv:{path}"
    read = table.read_csv(path)
    origin = f"{name} (sha256 {files.sha256(path)[:16]})"
    return tables.dataset(read, reading, name=name, origin=origin)

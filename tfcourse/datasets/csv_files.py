"""`csv:PATH`: a table in a file."""

import hashlib

from tfcourse.datasets import table, tables

USES = ("label", "missing", "categorical", "ignore")


def check(path, reading):
    """Checks what can be checked at once: that there is such a file with such columns."""
    tables.check_columns(str(path), table.read_header(path), reading)


def load(path, reading):
    """Returns the table as a `Dataset`; see `tables.dataset`."""
    name = f"csv:{path}"
    read = table.read_csv(path)
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return tables.dataset(read, reading, name=name, origin=f"{name} (sha256 {sha256[:16]})")

"""Prints the lowest versions that pyproject.toml admits, as constraints for pip.

python .ci/lowest.py > constraints.txt && pip install -c constraints.txt .
"""

import pathlib
import re
import tomllib

project = tomllib.loads((pathlib.Path(__file__).parents[1] / "pyproject.toml").read_text())
for requirement in project["project"]["dependencies"]:
    found = re.match(r"([\w.-]+)(?:\[[^]]*])?>=([\w.]+)", requirement)
    if not found:
        raise SystemExit(f"pyproject.toml: {requirement!r} has no lower bound.")
    print("==".join(found.groups()))

import json
import pathlib
import zipfile

import pytest

from benchmarks import frameworks

DOCS = pathlib.Path(__file__).parents[1] / "docs"


def test_the_page_is_what_the_measurements_give(tmp_path):
    (tmp_path / "frameworks.json").write_text((DOCS / "frameworks.json").read_text())
    frameworks.main([f"--out={tmp_path}"])
    assert (tmp_path / "frameworks.md").read_text() == (DOCS / "frameworks.md").read_text()


def test_each_framework_was_measured():
    measured = json.loads((DOCS / "frameworks.json").read_text())
    assert measured.keys() == frameworks.FRAMEWORKS.keys()
    assert {"version", "licence", "date"} <= measured["jax"].keys()


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("License-Expression: MIT\n", "MIT"),
        ("License: Apache-2.0\n", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: BSD License\n", "BSD License"),
        ("", "not named"),
    ],
)
def test_a_licence_is_read_from_the_metadata(tmp_path, metadata, expected):
    wheel = tmp_path / "one-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("one-1.0.dist-info/METADATA", f"Name: one\n{metadata}\nLicense: text")
    assert frameworks.licence(wheel) == expected


def test_what_pip_can_not_install_is_said():
    measured = {name: {"error": "no matching distribution"} for name in frameworks.FRAMEWORKS}
    steps = json.loads((DOCS / "performance_training.json").read_text())["steps"]
    header, *rows = frameworks.rows(measured, steps)
    assert all(len(row) == len(header) for row in rows)
    assert all("not installable with these versions" in row for row in rows)

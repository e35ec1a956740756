"""Frameworks by the course's criteria: ease of programming, running speed, open source.

    python -m benchmarks.frameworks --download=all    # with pip: sizes and licences; gigabytes
    python -m benchmarks.frameworks                   # writes the page from what was measured

Lines of code are counted in recipes/claims/one_network, milliseconds are those of
benchmarks.training. Sizes are of the wheels that pip takes for a framework and all that it needs,
in an empty folder; they go into docs/frameworks.json, and the page is docs/frameworks.md.
"""

import argparse
import email
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from typing import Any

from packaging.utils import canonicalize_name, parse_wheel_filename

from benchmarks import pages, training_report
from recipes.claims.one_network import measures

ROOT = pathlib.Path(__file__).parents[1]
# By the name that pip knows. The first of `contestants` is how a user starts, the last is fastest.
FRAMEWORKS: dict[str, dict[str, Any]] = {
    "tensorflow": {"label": "TensorFlow", "module": "tensorflow", "contestants": ("tfcourse",)},
    "keras": {"label": "Keras", "module": "keras", "contestants": ("fit_guide", "fit_tuned")},
    "torch": {
        "label": "PyTorch",
        "module": "torch",
        "contestants": ("torch_example", "torch_resident"),
    },
    "fastai": {"label": "fastai", "module": None, "contestants": ()},
    "jax": {"label": "JAX", "module": "jax", "contestants": ("jax",)},
}
BATCH = "128"


def downloaded(name: str) -> dict[str, Any]:
    """Returns what pip takes for the framework `name`: version, licence, packages and bytes."""
    # As for a new user: nobody's other sources of wheels.
    own = ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT")
    environment = {n: v for n, v in os.environ.items() if n not in own}
    environment["PIP_CONFIG_FILE"] = os.devnull
    here = {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
        done = subprocess.run(
            [*command, "--no-cache-dir", f"--dest={folder}", name],
            capture_output=True,
            text=True,
            env=environment,
        )
        if done.returncode:
            return {"error": done.stderr.strip().splitlines()[-1], **here}
        wheels = sorted(pathlib.Path(folder).glob("*.whl"))
        (framework,) = (path for path in wheels if _name(path) == canonicalize_name(name))
        return {
            "version": str(parse_wheel_filename(framework.name)[1]),
            "licence": licence(framework),
            "packages": len(wheels),
            "download_bytes": sum(path.stat().st_size for path in wheels),
            "installed_bytes": sum(map(_installed, wheels)),
            "largest": _name(max(wheels, key=lambda path: path.stat().st_size)),
            **here,
        }


def _name(wheel: pathlib.Path) -> str:
    return parse_wheel_filename(wheel.name)[0]


def _installed(wheel: pathlib.Path) -> int:
    with zipfile.ZipFile(wheel) as archive:
        return sum(file.file_size for file in archive.infolist())


def licence(wheel: pathlib.Path) -> str:
    """Returns the licence that the metadata of `wheel` names, in a line."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (
            name
            for name in archive.namelist()
            if name.endswith(".dist-info/METADATA") and name.count("/") == 1
        )
        metadata = email.message_from_bytes(archive.read(path))
    classified = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier", [])
        if text.startswith("License :: ")
    ]
    named = metadata["License-Expression"] or metadata["License"] or ", ".join(classified)
    return named.strip().splitlines()[0] if named else "not named"


def rows(measured: Mapping[str, Any], steps: Mapping[str, Any]) -> list[list[str]]:
    """Returns the table of the page.

    Args:
        measured: `{framework: what downloaded returned}`.
        steps: of docs/performance_training.json.
    """
    titles = training_report.by_model(steps)
    found = [
        [
            "", "lines", *(f"ms per step, {model.replace('_', ' ')}" for model in titles),
            "license", "packages", "download", "on disk",
        ]
    ]  # fmt: skip
    for name, framework in FRAMEWORKS.items():
        size = measured[name]
        found.append([f"{framework['label']} {size.get('version', '')}".strip()])
        found[-1].append(_lines(framework["module"]))
        for batches in titles.values():
            found[-1].append(_speeds(framework["contestants"], batches[BATCH]["contestants"]))
        if "error" in size:
            found[-1] += ["not installable with these versions", "", "", ""]
        else:
            sizes = [_size(size[key]) for key in ("download_bytes", "installed_bytes")]
            found[-1] += [size["licence"], str(size["packages"]), *sizes]
    return found


def _lines(module: str | None) -> str:
    if module is None:
        return "not measured"
    file = ROOT / "recipes" / "claims" / "one_network" / f"{module}.py"
    return str(measures.lines_of_code(file.read_text(encoding="utf-8")))


def _speeds(names: tuple[str, ...], contestants: Mapping[str, Any]) -> str:
    found = [
        f"{statistics.median(contestants[name]['ms']):.2f}" for name in names if name in contestants
    ]
    return ", ".join(found) or "not measured"


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--download", default="", help="frameworks, separated by commas, or all")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs")
    arguments = parser.parse_args(argv)
    path = arguments.out / "frameworks.json"
    measured = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    names = list(FRAMEWORKS) if arguments.download == "all" else arguments.download.split(",")
    for name in filter(None, names):
        measured[name] = downloaded(name)
        print(name, measured[name], flush=True)
        path.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    steps = training_report.read(ROOT / "docs")["steps"]
    page = pages.render(
        "frameworks.md.j2",
        rows=rows(measured, steps),
        measured=measured,
        frameworks=FRAMEWORKS,
        labels=training_report.LABELS,
        by_hand=_lines("numpy"),
        batch=BATCH,
        size=_size,
    )
    (arguments.out / "frameworks.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

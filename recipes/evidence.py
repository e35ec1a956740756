r"""Publishes what the claim recipes measured: docs/evidence.md, its pictures and numbers.

    python -m recipes.evidence --run_dirs=runs/moving_average/A,runs/batch_size/B

copies the pictures of those runs into docs/images/evidence/ and their rows into
docs/evidence/NAME.json, and writes docs/evidence.md from all of these. Without --run_dirs it
first runs the flagfile of every recipe that has been published, into runs/evidence/TIME/NAME.
"""

import collections
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from recipes.claims import harness
from tfcourse import command_line, files, run_directory
from tfcourse.hyperparameters import Hyperparameters, texts

CHAPTERS = {
    1: "Mini-batch gradient descent",
    2: "Averages, momentum, RMSProp",
    3: "Adam",
    4: "Hyperparameters, decay, batch normalization",
    5: "Softmax regression",
    6: "Frameworks",
}


@dataclasses.dataclass(frozen=True)
class Evidence(Hyperparameters):
    run_dirs: tuple[str, ...] | None = texts(None, "Finished runs of claim recipes.")
    data_dir: tuple[str, ...] | None = texts(None, "Passed to the recipes that this runs.")
    docs: tuple[str, ...] = texts(("docs",), "Folder to publish in.")

    def __post_init__(self):
        """Every value is checked as its flag is read; None stands for a flag that is not given."""


class NotPublishableError(Exception):
    """A run that shows nothing: unfinished, a smoke run, on a stand-in, without rows."""

    exit_code = 2


def read(path: str) -> tuple[str, dict[str, Any]]:
    """Returns `(recipe, record)` of the finished run in the folder `path`."""
    run = run_directory.RunDirectory(path)
    metrics = run.read_metrics()
    if metrics is None:
        raise NotPublishableError(f"--run_dirs: {path} holds no finished run")
    text = (run.path / run_directory.FLAGS).read_text(encoding="utf-8")
    module = text.split("recipes.", 1)[1].split()[0]  # As in its header: python -m recipes.NAME
    recipe = module.rpartition(".")[2]
    flags = run_directory.parse_flags(text)
    if flags.get("smoke") == ["True"] or metrics.get("fallback_from") or not metrics["evidence"]:
        raise NotPublishableError(
            f"--run_dirs: {path} is a smoke run, ran on a stand-in for its data, or has no rows"
        )
    environment = metrics["environment"]
    return recipe, {
        "recipe": recipe,
        "command": f"python -m recipes.{module} --flagfile=configs/{recipe}.flags",
        # The data's folder is the machine's own.
        "flags": {name: texts for name, texts in flags.items() if name != "data_dir"},
        "versions": {"python": environment["python"], **environment["versions"]},
        "cpu": environment["cpu"],
        "cores": environment["cores"],
        "date": time.strftime("%Y-%m-%d", time.gmtime((run.path / "metrics.json").stat().st_mtime)),
        "seconds": round(metrics["seconds"]),
        "pictures": sorted(
            file.name for kind in ("png", "gif") for file in run.path.glob(f"{recipe}*.{kind}")
        ),
        **{name: metrics[name] for name in ("numbers", "holds") if name in metrics},
        **({} if "numbers" in metrics else {"rows": metrics["evidence"]}),
    }


def publish(path: str, docs: pathlib.Path) -> None:
    """Copies one run's pictures and rows into the folder `docs`."""
    recipe, record = read(path)
    images = docs / "images" / "evidence"
    images.mkdir(parents=True, exist_ok=True)
    rows = docs / "evidence" / f"{recipe}.json"
    if rows.exists():
        for picture in json.loads(rows.read_text(encoding="utf-8"))["pictures"]:
            (images / picture).unlink(missing_ok=True)
    for picture in record["pictures"]:
        shutil.copyfile(pathlib.Path(path) / picture, images / picture)
    rows.parent.mkdir(exist_ok=True)
    files.write_file(rows, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def rows_of(record: Mapping[str, Any]) -> list[harness.Row]:
    """Returns the rows of a published recipe.

    They are written from its numbers, unless it last ran when only sentences were kept.
    """
    if "numbers" in record:
        return harness.evidence(record["recipe"], record["numbers"], record["holds"])
    return record["rows"]


def page(records: Sequence[Mapping[str, Any]]) -> str:
    """Returns docs/evidence.md: by chapter, each recipe's rows, pictures and command."""
    chapters = []
    for number, title in CHAPTERS.items():
        sections = [section for record in records if (section := _section(record, number))]
        if sections:
            chapters.append({"number": number, "title": title, "sections": sections})
    counts = collections.Counter(row["verdict"] for r in records for row in rows_of(r))
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = lambda text: text.replace("|", "\\|")
    template = environment.from_string(
        pathlib.Path(__file__).with_suffix(".md.j2").read_text(encoding="utf-8")
    )
    return template.render(chapters=chapters, counts=counts)


def _section(record: Mapping[str, Any], chapter: int) -> dict[str, Any] | None:
    """Returns what a chapter shows of a recipe; None for nothing."""
    rows = [row for row in rows_of(record) if row["chapter"] == chapter]
    elsewhere = {r["picture"] for r in rows_of(record) if r["chapter"] != chapter}
    shown = [row["picture"] for row in rows]
    shown += [name for name in record["pictures"] if name not in elsewhere]
    pictures = {
        name: next((r["claim"] for r in rows if r["picture"] == name), record["recipe"])
        for name in shown
    }
    return {"record": record, "rows": rows, "pictures": pictures} if rows else None


def repeat(docs: pathlib.Path, data_dir: str) -> list[str]:
    """Runs every published recipe again; returns the run directories."""
    run_dirs = []
    folder = time.strftime("runs/evidence/%Y%m%d-%H%M%S")
    for path in sorted((docs / "evidence").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        run_dirs.append(f"{folder}/{path.stem}")
        command = [sys.executable, *record["command"].split()[1:], f"--run_dir={run_dirs[-1]}"]
        if data_dir and "dataset" in record["flags"]:
            command.append(f"--data_dir={data_dir}")
        print(" ".join(command[1:]), flush=True)
        code = subprocess.run(command).returncode
        if code:
            raise NotPublishableError(f"{record['command']} ended with exit code {code}")
    return run_dirs


def main(evidence: Evidence) -> None:
    docs = pathlib.Path(",".join(evidence.docs))
    data_dir = ",".join(evidence.data_dir or ())
    for run_dir in evidence.run_dirs or repeat(docs, data_dir):
        publish(run_dir, docs)
    records = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((docs / "evidence").glob("*.json"))
    ]
    (docs / "evidence.md").write_text(page(records), encoding="utf-8")
    print(f"{docs / 'evidence.md'} holds {sum(len(rows_of(r)) for r in records)} claims")


if __name__ == "__main__":
    command_line.run_tool(main, Evidence)

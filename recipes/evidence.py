r"""Publishes what the claim recipes measured: docs/evidence.md, its pictures and numbers.

    python -m recipes.evidence --run_dirs=runs/moving_average/A,runs/batch_size/B

copies the pictures of those runs into docs/images/evidence/ and their rows into
docs/evidence/NAME.json, and writes docs/evidence.md from all of these. Without --run_dirs it
first runs the flagfile of every recipe that has been published, into runs/evidence/TIME/NAME.
"""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import time

from tfcourse import command_line, run_directory
from tfcourse.hyperparameters import Hyperparameters, texts

CHAPTERS = {
    1: "Mini-batch gradient descent",
    2: "Averages, momentum, RMSProp",
    3: "Adam",
    4: "Hyperparameters, decay, batch normalization",
    5: "Softmax regression",
    6: "Frameworks",
}
INTRODUCTION = """# Evidence

What the course and its papers claim, measured. Each row is one claim, what came out when it was
run, and the verdict that these numbers give. The command below a table makes its numbers, texts and
pictures again; `±` is the standard deviation over seeds. `python -m recipes.evidence` runs them all
and writes this page.
"""


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


def read(path):
    """Returns `(recipe, record)` of the finished run in the folder `path`."""
    run = run_directory.RunDirectory(path)
    metrics = run.read_metrics()
    if metrics is None:
        raise NotPublishableError(f"--run_dirs: {path} holds no finished run")
    text = (run.path / run_directory.FLAGS).read_text()
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
        "rows": metrics["evidence"],
    }


def publish(path, docs):
    """Copies one run's pictures and rows into the folder `docs`."""
    recipe, record = read(path)
    images = docs / "images" / "evidence"
    images.mkdir(parents=True, exist_ok=True)
    rows = docs / "evidence" / f"{recipe}.json"
    if rows.exists():
        for picture in json.loads(rows.read_text())["pictures"]:
            (images / picture).unlink(missing_ok=True)
    for picture in record["pictures"]:
        shutil.copyfile(pathlib.Path(path) / picture, images / picture)
    rows.parent.mkdir(exist_ok=True)
    rows.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def page(records):
    """Returns docs/evidence.md: by chapter, each recipe's rows, pictures and command."""
    parts = [INTRODUCTION, _counts(records)]
    for chapter, title in CHAPTERS.items():
        part = [_section(record, chapter) for record in records]
        if any(part):
            parts += [f"## {chapter}. {title}\n", *filter(None, part)]
    return "\n".join(parts)


def _counts(records):
    verdicts = [row["verdict"] for record in records for row in record["rows"]]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(sorted(verdicts)))
    return f"So far, {len(verdicts)} claims: {counts}.\n"


def _section(record, chapter):
    rows = [row for row in record["rows"] if row["chapter"] == chapter]
    if not rows:
        return ""
    lines = [f"### {record['recipe'].replace('_', ' ').capitalize()}\n"]
    lines += ["| claim | measured | verdict |", "| --- | --- | --- |"]
    for row in rows:
        cells = (row["claim"], row["measured"], f"**{row['verdict']}**")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    elsewhere = {r["picture"] for r in record["rows"] if r["chapter"] != chapter}
    shown = dict.fromkeys(row["picture"] for row in rows)
    shown |= dict.fromkeys(p for p in record["pictures"] if p not in elsewhere)
    for picture in shown:
        about = next((r["claim"] for r in rows if r["picture"] == picture), record["recipe"])
        lines.append(f"\n![{about}](images/evidence/{picture})")
    versions = record["versions"]
    lines += [
        f"\n    {record['command']}\n",
        f"{record['seconds']} s on {record['cores']} cores of {record['cpu']}, TensorFlow "
        f"{versions['tensorflow']}, Keras {versions['keras']}, {record['date']}; "
        f"[numbers and flags](evidence/{record['recipe']}.json).\n",
    ]
    return "\n".join(lines)


def repeat(docs, data_dir):
    """Runs every published recipe again; returns the run directories."""
    run_dirs = []
    folder = time.strftime("runs/evidence/%Y%m%d-%H%M%S")
    for path in sorted((docs / "evidence").glob("*.json")):
        record = json.loads(path.read_text())
        run_dirs.append(f"{folder}/{path.stem}")
        command = [sys.executable, *record["command"].split()[1:], f"--run_dir={run_dirs[-1]}"]
        if data_dir and "dataset" in record["flags"]:
            command.append(f"--data_dir={data_dir}")
        print(" ".join(command[1:]), flush=True)
        code = subprocess.run(command).returncode
        if code:
            raise NotPublishableError(f"{record['command']} ended with exit code {code}")
    return run_dirs


def main(evidence):
    docs = pathlib.Path(",".join(evidence.docs))
    data_dir = ",".join(evidence.data_dir or ())
    for run_dir in evidence.run_dirs or repeat(docs, data_dir):
        publish(run_dir, docs)
    records = [json.loads(path.read_text()) for path in sorted((docs / "evidence").glob("*.json"))]
    (docs / "evidence.md").write_text(page(records))
    print(f"{docs / 'evidence.md'} holds {sum(len(r['rows']) for r in records)} claims")


if __name__ == "__main__":
    command_line.run_tool(main, Evidence)

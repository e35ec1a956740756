import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import types

import jinja2
import numpy as np
import processes
import pytest

from recipes import evidence
from recipes.claims import harness, judging, published

ROOT = pathlib.Path(__file__).parents[1]
ENVIRONMENT = {
    "python": "3.11.7",
    "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
    "cpu": "a processor",
    "cores": 2,
    "host": "somewhere",
}


SECTION = """## noise_CHAPTER (chapter CHAPTER, RECIPE.png)

It falls | CHAPTER.

It falls by {{ effects.noise_CHAPTER[0] }}; it {{ verdicts.noise_CHAPTER }}.

Over {{ drops|length }} seeds.

More noise.

"""


@pytest.fixture
def templates(tmp_path, monkeypatch):
    """An empty folder in which templates are looked for."""
    folder = tmp_path / "templates"
    folder.mkdir()
    harness._environment.cache_clear()
    monkeypatch.setattr(harness, "__file__", str(folder / "harness.py"))
    yield folder
    harness._environment.cache_clear()


@pytest.fixture
def make_run(tmp_path, templates, monkeypatch):
    """Makes runs of a recipe that has one claim per chapter."""

    def make(recipe="averages", flags="--seed=3\n--data_dir=/home/me\n", chapters=(2,), **changes):
        def judge(raw):
            drops = (judging.Comparison("drop", judging.mean(raw["drops"]), 1.0),)
            return raw, {f"noise_{c}": judging.Claim("drop", drops, 0.5) for c in chapters}

        sections = [SECTION.replace("CHAPTER", str(c)).replace("RECIPE", recipe) for c in chapters]
        (templates / f"{recipe}.md.j2").write_text("".join(sections))
        module = types.SimpleNamespace(judge=judge)
        monkeypatch.setitem(sys.modules, f"recipes.claims.{recipe}", module)
        folder = tmp_path / recipe
        folder.mkdir(exist_ok=True)
        (folder / "flags.txt").write_text(
            f"# python -m recipes.{recipe} --flagfile=flags.txt runs this again.\n{flags}"
        )
        raw = {"drops": [1.9, 2.0, 2.1]}
        metrics = {"raw": raw, "environment": ENVIRONMENT, "seconds": 12.3, **changes}
        (folder / "metrics.json").write_text(json.dumps(metrics))
        for name in (f"{recipe}.png", f"{recipe}_window.png", "curves.png"):
            (folder / name).write_bytes(b"\x89PNG")
        return str(folder)

    return make


def publish(tmp_path, *run_dirs):
    evidence.main(evidence.Evidence(run_dirs=run_dirs, docs=str(tmp_path / "docs")))
    return (tmp_path / "docs" / "evidence.md").read_text()


def test_claims_pictures_and_command_are_published(make_run, tmp_path):
    page = publish(tmp_path, make_run())
    assert "## 2. Averages" in page
    assert "### Averages: noise 2\n" in page
    effect = "+2.00 (+1.75 to +2.25)"
    row = f"[It falls \\| 2.](#averages-noise-2) | **holds** | drop: {effect}, drop |\n"
    assert f'| <img src="images/evidence/averages.png" width="120" alt=""> | {row}' in page
    assert f"It falls by {effect}; it holds." in page
    assert "every verdict stays the same" in page
    assert "    python -m recipes.averages --flagfile=configs/averages.flags\n" in page
    assert "12 s on 2 cores of a processor, TensorFlow 2.21.0" in page
    shown = re.findall(r"\]\((images/.*?)\)", page)
    assert shown == ["images/evidence/averages.png", "images/evidence/averages_window.png"]
    assert all((tmp_path / "docs" / path).exists() for path in shown)
    record = (tmp_path / "docs" / "evidence" / "averages.json").read_text()
    assert json.loads(record)["flags"] == {"seed": ["3"]}
    assert "somewhere" not in record


def test_a_page_holds_what_was_published_before_in_order_of_chapters(make_run, tmp_path):
    publish(tmp_path, make_run("optimizers", chapters=(3, 2)))
    page = publish(tmp_path, make_run("batches", chapters=(1,)))
    headings = re.findall(r"^##+ (.*)", page, re.M)
    words = [heading.split()[0].rstrip(":") for heading in headings]
    assert words == ["All", "1.", "Batches", "2.", "Optimizers", "3.", "Optimizers", "How"]
    assert "3 claims: 3 hold." in page


def test_a_picture_that_is_no_longer_drawn_goes(make_run, tmp_path):
    run_dir = make_run()
    publish(tmp_path, run_dir)
    (tmp_path / "averages" / "averages_window.png").unlink()
    publish(tmp_path, run_dir)
    assert not (tmp_path / "docs/images/evidence/averages_window.png").exists()


@pytest.mark.parametrize(
    "changes", [{"flags": "--smoke=True\n"}, {"fallback_from": ["mnist"]}, {"raw": {}}]
)
def test_runs_that_show_nothing_are_refused(make_run, tmp_path, changes):
    with pytest.raises(evidence.NotPublishableError, match="smoke run") as error:
        publish(tmp_path, make_run(**changes))
    assert error.value.exit_code == 2
    assert not (tmp_path / "docs" / "evidence.md").exists()


def test_an_unfinished_run_is_refused(make_run, tmp_path):
    run_dir = make_run()
    (tmp_path / "averages" / "metrics.json").unlink()
    with pytest.raises(evidence.NotPublishableError, match="no finished run"):
        publish(tmp_path, run_dir)


def test_published_recipes_are_run_again(make_run, tmp_path, monkeypatch):
    publish(tmp_path, make_run("a"), make_run("b", flags="--dataset=mnist\n"))
    commands = []

    def run(command):
        commands.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(evidence.NotPublishableError, match=r"recipes\.b .* exit code 3"):
        evidence.main(evidence.Evidence(docs=str(tmp_path / "docs"), data_dir="/m"))
    first, second = sorted(commands)
    assert first[:3] == [sys.executable, "-m", "recipes.a"]
    assert first[3] == "--flagfile=configs/a.flags"
    assert re.fullmatch("--run_dir=runs/evidence/[0-9-]+/a", first[4])
    assert len(first) == 5
    assert second[-1] == "--data_dir=/m"


def test_the_committed_texts_are_what_the_committed_numbers_give():
    records = published.read(ROOT / "docs")
    page = published.page(records, published.read_repeats(ROOT / "docs"))
    assert page == (ROOT / "docs" / "evidence.md").read_text()
    texts = published.refreshed(ROOT, published.findings(records))
    assert [path for path, text in texts.items() if path.read_text() != text] == []


SAID = "## noise (chapter 1, a.png)\n\nclaim\n\nmeasured\n\nhow\n\n"


@pytest.fixture
def noise():
    return {"noise": judging.Claim("", (judging.Comparison("", judging.exact(1)),))}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SAID.replace("noise", "other") + "change", r"must be \['noise'\].*'other'"),
        (SAID.replace("chapter 1", "chapter 7") + "change", "Received: "),
        ("before\n" + SAID + "change", "after 'before'"),
        (SAID, "4 paragraphs"),
        (SAID + "change\n\nmore", "4 paragraphs"),
    ],
)
def test_a_template_is_checked(templates, noise, text, message):
    (templates / "averages.md.j2").write_text(text)
    with pytest.raises(ValueError, match=message):
        harness.judged("averages", ({}, noise))


def test_a_number_that_a_template_misses_is_named(templates, noise):
    (templates / "averages.md.j2").write_text(SAID + "{{ lag }}")
    with pytest.raises(jinja2.UndefinedError, match="lag"):
        harness.judged("averages", ({}, noise))


def test_a_spread_comes_from_the_numbers():
    assert harness.spread([1.0, 2.0, 3.0], 2) == "2.00 ± 1.00"
    assert harness.spread([1.0], 1) == "1.0"
    assert harness.spread([1000.0, 4000.0], 0) == "2,500 ± 2,121"
    assert harness.spread([0.5, 0.7], 0, times=100) == "60 ± 14"
    assert harness.spread([1.0, None]) == harness.spread([1.0, np.inf]) == "not reached"


def test_results_are_kept_as_json_has_them():
    values = {8: np.array([[1.0, np.nan]], "float32"), "a": (np.int64(3), np.bool_(True))}
    assert harness.plain(values) == {"8": [[1.0, None]], "a": [3, True]}


def test_the_largest_seed_is_followed_by_0():
    assert harness.seeds(7, 2) == [7, 8]
    assert harness.seeds(2**32 - 2, 3, skip=1) == [2**32 - 1, 0, 1]


def test_a_claim_is_judged_anew_from_raw_numbers(make_run, tmp_path):
    publish(tmp_path, make_run())
    file = tmp_path / "docs" / "evidence" / "averages.json"
    text = file.read_text()
    assert '"drops": [1.9, 2.0, 2.1]' in text  # On one line.
    file.write_text(text.replace("1.9", "-9"))
    assert "**undecided**" in published.page(published.read(tmp_path / "docs"))


def test_a_recipe_without_raw_numbers_waits(make_run, tmp_path):
    publish(tmp_path, make_run("a"), make_run("b"))
    docs = tmp_path / "docs"
    record = json.loads((docs / "evidence" / "b.json").read_text())
    record["rows"] = record.pop("raw")
    (docs / "evidence" / "b.json").write_text(json.dumps(record))
    page = published.page(published.read(docs))
    assert "measured by these rules:\n\n    python -m recipes.b --flagfile" in page
    assert "1 claims: 1 hold." in page


def test_a_page_says_where_seeds_are_wanting(make_run, tmp_path):
    page = publish(tmp_path, make_run(raw={"drops": [-1.0, 2.0, 4.0]}))
    assert "Undecided, with a wider interval than planned: drop." in page
    assert "with a wider interval than planned" not in publish(tmp_path, make_run())


def test_a_sentence_is_written_wherever_it_is_shown(make_run, tmp_path):
    shown = "<!-- evidence: averages.noise_2 -->old<!-- /evidence -->"
    verdict = "<!-- evidence: averages.noise_2.verdict -->old<!-- /evidence -->"
    (tmp_path / "README.md").write_text(f"It is so. {shown}\n")
    notebook = {"cells": [{"cell_type": "markdown", "source": ["a\n", verdict]}]}
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "1.ipynb").write_text(json.dumps(notebook))
    publish(tmp_path, make_run())
    sentence = "It falls by +2.00 (+1.75 to +2.25); it holds."
    assert (tmp_path / "README.md").read_text() == f"It is so. {shown.replace('old', sentence)}\n"
    written = json.loads((tmp_path / "notebooks" / "1.ipynb").read_text())
    assert written["cells"][0]["source"] == ["a\n", verdict.replace("old", "holds")]
    found = published.findings(published.read(tmp_path / "docs"))
    with pytest.raises(ValueError, match=r"there is no averages\.lag to show"):
        published.fill("<!-- evidence: averages.lag --><!-- /evidence -->", found)
    table = published.fill("<!-- evidence: chapter 2 --><!-- /evidence -->", found)
    assert "| It falls \\| 2. | **holds** |" in table


def test_repeats_run_with_other_seeds_and_are_kept(make_run, tmp_path, monkeypatch):
    run_dir = make_run()
    publish(tmp_path, run_dir)
    commands = []

    def run(command):
        commands.append(command)
        folder = next(each for each in command if each.startswith("--run_dir=")).split("=")[1]
        shutil.copytree(run_dir, folder)
        (pathlib.Path(folder) / "flags.txt").write_text(
            f"# python -m recipes.averages x\n{command[-1]}\n"
        )
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.chdir(tmp_path)
    evidence.main(evidence.Evidence(only=("averages",)), repeat=True)
    seeds = sorted(command[-1] for command in commands)
    assert seeds == ["--seed=1001", "--seed=2001", "--seed=3001"]
    assert len(list((tmp_path / "docs/evidence/repeats").glob("averages.*.json"))) == 3
    page = (tmp_path / "docs" / "evidence.md").read_text()
    assert "| It falls \\| 2. | holds | holds | holds | holds |" in page
    with pytest.raises(evidence.NotPublishableError, match="there is no lag among averages"):
        evidence.main(evidence.Evidence(only=("lag",)))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="places no process on a core")
def test_each_recipe_has_a_core_but_for_those_that_measure_seconds(make_run, tmp_path, monkeypatch):
    for name in ("averages", "batches", "clocked"):
        publish(tmp_path, make_run(name))
    monkeypatch.setattr(evidence, "TIMED", ("clocked",))
    monkeypatch.chdir(tmp_path)
    cores, placed, both = os.sched_getaffinity(0), {}, threading.Barrier(2, timeout=60)

    def run(command):
        name = command[2].removeprefix("recipes.")
        placed[name] = os.sched_getaffinity(0)
        if name != "clocked" and len(cores) > 1:
            both.wait()  # Neither ends before the other has begun.
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    finished = list(evidence.run_again(evidence.Evidence(), tmp_path / "docs", [None]))
    assert [pathlib.Path(run_dir).name for run_dir in finished][-1] == "clocked"
    assert [len(placed[name]) for name in ("averages", "batches")] == [1, 1]
    assert len(placed["averages"] | placed["batches"]) == min(2, len(cores))
    assert placed["clocked"] == cores == os.sched_getaffinity(0)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--repeat", "--refresh"], "only one of --repeat and --refresh"),
        (["--refresh", "--run_dirs=a"], "only one of --refresh and --run_dirs"),
        (["--refresh", "--only=lag"], "no effect with --refresh"),
        (["--run_dirs=a", "--data_dir=b"], "no effect with --run_dirs"),
    ],
)
def test_flags_without_effect_are_refused(flags, message):
    result = processes.command("recipes.evidence", *flags)
    assert result.returncode == 2
    assert message in result.stderr

import json
import pathlib
import re
import subprocess
import sys

import jinja2
import numpy as np
import pytest

from recipes import evidence
from recipes.claims import harness

ROOT = pathlib.Path(__file__).parents[1]
ENVIRONMENT = {
    "python": "3.11.7",
    "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
    "cpu": "a processor",
    "cores": 2,
    "host": "somewhere",
}


@pytest.fixture
def make_run(tmp_path):
    def make(recipe="averages", flags="--seed=3\n--data_dir=/home/me\n", chapters=(2,), **changes):
        folder = tmp_path / recipe
        folder.mkdir(exist_ok=True)
        (folder / "flags.txt").write_text(
            f"# python -m recipes.{recipe} --flagfile=flags.txt runs this again.\n{flags}"
        )
        rows = [
            {
                "chapter": chapter,
                "claim": f"claim {chapter}",
                "measured": "a|b 1.0 ± 0.1",
                "verdict": "holds",
                "picture": f"{recipe}.png",
            }
            for chapter in chapters
        ]
        metrics = {"evidence": rows, "environment": ENVIRONMENT, "seconds": 12.3, **changes}
        (folder / "metrics.json").write_text(json.dumps(metrics))
        for name in (f"{recipe}.png", f"{recipe}_window.png", "curves.png"):
            (folder / name).write_bytes(b"\x89PNG")
        return str(folder)

    return make


def publish(tmp_path, *run_dirs):
    evidence.main(evidence.Evidence(run_dirs=run_dirs, docs=(str(tmp_path / "docs"),)))
    return (tmp_path / "docs" / "evidence.md").read_text()


def test_rows_pictures_and_command_are_published(make_run, tmp_path):
    page = publish(tmp_path, make_run())
    assert "## 2. Averages" in page
    assert "| claim 2 | a\\|b 1.0 ± 0.1 | **holds** |" in page
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
    words = [heading.split()[0] for heading in headings]
    assert words == ["1.", "Batches", "2.", "Optimizers", "3.", "Optimizers"]
    assert "3 claims: 3 holds" in page


def test_a_picture_that_is_no_longer_drawn_goes(make_run, tmp_path):
    run_dir = make_run()
    publish(tmp_path, run_dir)
    (tmp_path / "averages" / "averages_window.png").unlink()
    publish(tmp_path, run_dir)
    assert not (tmp_path / "docs/images/evidence/averages_window.png").exists()


@pytest.mark.parametrize(
    "changes", [{"flags": "--smoke=True\n"}, {"fallback_from": ["mnist"]}, {"evidence": []}]
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
        return subprocess.CompletedProcess(command, 3 if "recipes.b" in command else 0)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(evidence.NotPublishableError, match=r"recipes\.b .* exit code 3"):
        evidence.main(evidence.Evidence(docs=(str(tmp_path / "docs"),), data_dir=("/m",)))
    first, second = commands
    assert first[:3] == [sys.executable, "-m", "recipes.a"]
    assert first[3] == "--flagfile=configs/a.flags"
    assert re.fullmatch("--run_dir=runs/evidence/[0-9-]+/a", first[4])
    assert len(first) == 5
    assert second[-1] == "--data_dir=/m"


def test_a_page_tells_what_the_template_makes_of_the_numbers(make_run, tmp_path, templates):
    (templates / "averages.md.j2").write_text(
        "## noise (chapter 2, averages.png)\n\nIt falls.\n\nBy {{ arms.a|spread(1) }}\nper day.\n"
    )
    numbers, holds = {"arms": {"a": [1.0, 2.0]}}, {"noise": [True, False]}
    assert "| It falls. | By 1.5 ± 0.7 per day. | **holds in part** |" in publish(
        tmp_path, make_run(numbers=numbers, holds=holds)
    )
    record = json.loads((tmp_path / "docs" / "evidence" / "averages.json").read_text())
    assert (record["numbers"], record["holds"]) == (numbers, holds)
    assert "rows" not in record


def test_the_committed_page_is_what_the_committed_numbers_give():
    paths = sorted((ROOT / "docs" / "evidence").glob("*.json"))
    records = [json.loads(path.read_text()) for path in paths]
    assert evidence.page(records) == (ROOT / "docs" / "evidence.md").read_text()


@pytest.fixture
def templates(tmp_path, monkeypatch):
    """An empty folder in which templates are looked for."""
    folder = tmp_path / "templates"
    folder.mkdir()
    harness._environment.cache_clear()
    monkeypatch.setattr(harness, "__file__", str(folder / "harness.py"))
    yield folder
    harness._environment.cache_clear()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("## other (chapter 1, a.png)\n\nclaim\n\nmeasured", r"must be \['noise'\].*'other'"),
        ("## noise (chapter 7, a.png)\n\nclaim\n\nmeasured", "Received: "),
        ("before\n## noise (chapter 1, a.png)\n\nclaim\n\nmeasured", "after 'before'"),
        ("## noise (chapter 1, a.png)\n\nclaim", "two paragraphs"),
        ("## noise (chapter 1, a.png)\n\nclaim\n\nmeasured\n\nmore", "two paragraphs"),
    ],
)
def test_a_template_is_checked(templates, text, message):
    (templates / "averages.md.j2").write_text(text)
    with pytest.raises(ValueError, match=message):
        harness.evidence("averages", {}, {"noise": [True]})


def test_a_number_that_a_template_misses_is_named(templates):
    (templates / "averages.md.j2").write_text("## noise (chapter 1, a.png)\n\na\n\n{{ lag }}")
    with pytest.raises(jinja2.UndefinedError, match="lag"):
        harness.evidence("averages", {}, {"noise": [True]})


def test_verdict_and_spread_come_from_the_numbers():
    assert harness.verdict_of([True, True]) == "holds"
    assert harness.verdict_of([True, False]) == "holds in part"
    assert harness.verdict_of([False]) == "does not hold"
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

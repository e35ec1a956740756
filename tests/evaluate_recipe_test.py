import json
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from recipes import evaluate, export
from tfcourse import command_line, datasets


def run(run_dir, **options):
    evaluate.main(evaluate.Evaluation(run_dir=str(run_dir), **options))


def results_in(folder):
    return json.loads((folder / "evaluation.json").read_text())


@pytest.fixture(scope="module")
def on_test(trained_run, tmp_path_factory):
    """A run's copy whose test split was evaluated."""
    folder = shutil.copytree(trained_run, tmp_path_factory.mktemp("evaluated") / "run")
    run(folder, split="test")
    return folder


def test_the_test_split_gives_what_the_run_recorded(on_test):
    found = results_in(on_test / "evaluation" / "test")
    metrics = json.loads((on_test / "metrics.json").read_text())
    assert found["accuracy"] == pytest.approx(metrics["test_accuracy"], abs=1e-6)
    assert found["loss"] == pytest.approx(metrics["test_loss"], rel=1e-5)
    right = round(found["accuracy"] * found["examples"])
    interval = stats.binomtest(right, found["examples"]).proportion_ci(method="wilson")
    assert found["accuracy_interval_95"] == pytest.approx([interval.low, interval.high], rel=1e-12)
    counts = np.array(found["confusion"])
    assert counts.sum() == found["examples"] == 270
    assert np.trace(counts) == right
    labels = datasets.load("digits").test.labels
    assert counts.sum(axis=1).tolist() == np.bincount(labels, minlength=10).tolist()
    assert found["recall"][3] == pytest.approx(counts[3, 3] / counts[3].sum(), rel=1e-12)
    assert found["precision"][3] == pytest.approx(counts[3, 3] / counts[:, 3].sum(), rel=1e-12)
    assert "already used the test set" in found["note"]


def test_replaced_data_is_told(trained_run, tmp_path, capsys):
    folder = shutil.copytree(trained_run, tmp_path / "run")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["digests"]["test"] = "other"
    (folder / "metrics.json").write_text(json.dumps(metrics))
    told = "these are not the test examples that the run had"
    run(folder, split="test")
    assert told in results_in(folder / "evaluation/test")["note"]
    assert told in capsys.readouterr().out
    run(folder, split="validation")
    assert "these are not" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["evaluation", "evaluation/test"])
def test_results_go_through_no_link_of_a_run_directory(trained_run, tmp_path, name):
    folder = shutil.copytree(trained_run, tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(tmp_path / "mine")
    with pytest.raises(command_line.UsageError, match="is a link, which is not followed"):
        run(folder, split="test")
    assert not list((tmp_path / "mine").iterdir())


@pytest.mark.parametrize("name", ["test.npz", "train", ".."])
def test_new_examples_are_told_of_beside_the_splits(trained_run, tmp_path, monkeypatch, name):
    run_dir = shutil.copytree(trained_run, tmp_path / "run")
    digits = datasets.load("digits").validation
    raw = np.rint(16 * digits.features[:40]).astype(np.uint8)
    source = tmp_path / "test.npz"
    np.savez(source, x=raw, y=digits.labels[:40])
    if name != "test.npz":
        folder = tmp_path / "train"
        for number, label in enumerate(digits.labels[:40]):
            (folder / str(label)).mkdir(parents=True, exist_ok=True)
            pixels = Image.fromarray(raw[number].squeeze() * 15)
            pixels.save(folder / str(label) / f"{number}.png")
        monkeypatch.chdir(folder / "0")
        source = folder if name == "train" else name
    before = {path.name for path in run_dir.iterdir()}
    run(run_dir, input=str(source))
    assert {path.name for path in run_dir.iterdir()} == before | {"evaluation"}
    (written,) = (run_dir / "evaluation").iterdir()
    assert written.name == {"test.npz": "input_test"}.get(name, "input_train")
    assert results_in(written)["examples"] == 40


def test_the_pictures_are_there(on_test):
    for name in ("confusion.png", "calibration.png"):
        assert (on_test / "evaluation" / "test" / name).read_bytes().startswith(b"\x89PNG")


def test_new_labelled_examples(trained_run, tmp_path, capsys):
    split = datasets.load("digits").validation
    raw = np.rint(16 * split.features[:40]).astype(np.uint8)
    np.savez(tmp_path / "new.npz", x=raw, y=split.labels[:40])
    run(trained_run, input=str(tmp_path / "new.npz"), output=str(tmp_path / "out" / "deep"))
    found = results_in(tmp_path / "out" / "deep")
    assert found["examples"] == 40
    assert found["note"] == ""
    out = capsys.readouterr().out
    assert out.startswith("new: accuracy ")
    assert "of 40 examples (95 % interval" in out
    assert not (trained_run / "evaluation").exists()


def test_a_table_with_labels(table_run, tmp_path):
    source = tmp_path / "new.csv"
    source.write_text("year,island,length (mm),species\n2007,Biscoe,45,Gentoo\n2009,?,49,Adelie\n")
    run(table_run, input=str(source), output=str(tmp_path / "out"))
    assert np.array(results_in(tmp_path / "out")["confusion"]).sum(axis=1).tolist() == [1, 1, 0]


def test_rows_without_a_label_are_left_out_and_told(table_run, tmp_path, caplog):
    source, names = tmp_path / "new.csv", "year,island,length (mm),species\n"
    source.write_text(f"{names}2007,Biscoe,45,NA\n2009,?,49,Adelie\n2008,Dream,50,\n")
    run(table_run, input=str(source), output=str(tmp_path / "out"))
    assert np.array(results_in(tmp_path / "out")["confusion"]).sum(axis=1).tolist() == [1, 0, 0]
    assert "new.csv: 2 of 3 rows are left out, without a label in 'species'." in caplog.text
    source.write_text(f"{names}2007,Biscoe,45,NA\n")
    with pytest.raises(datasets.DataError, match="expected labels; received none"):
        run(table_run, input=str(source), output=str(tmp_path / "none"))


def test_examples_without_labels_are_refused_and_nothing_is_written(trained_run, tmp_path):
    np.savez(tmp_path / "new.npz", x=np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(datasets.DataError, match="expected labels"):
        run(trained_run, input=str(tmp_path / "new.npz"), output=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_data_that_has_changed_is_refused(on_test):
    path = on_test / "preprocessing.json"
    before = path.read_text()
    path.write_text(before.replace('"maximum": 16', '"maximum": 255'))
    try:
        with pytest.raises(datasets.DataError, match="other data"):
            run(on_test)
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("recipe", "flags"),
    [
        (evaluate.Evaluation, {"data_dir": "data"}),
        (evaluate.Evaluation, {"split": "test"}),
        (export.Export, {"data_dir": "data", "output": "exported"}),
    ],
)
def test_flags_of_the_own_data_are_refused_beside_other_examples(tmp_path, recipe, flags):
    flags = {**flags, **({"output": str(tmp_path / "exported")} if "output" in flags else {})}
    recipe(run_dir="run", **flags)
    with pytest.raises(ValueError, match=f"`{min(flags)}` is of the run's own data; leave it out"):
        recipe(run_dir="run", input="new.csv", **flags)


def test_a_class_that_does_not_occur_has_no_recall():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.6, 0.4, 0.0]])
    results, *_ = evaluate.evaluate(probabilities, np.array([0, 0]), ("a", "b", "c"), 15)
    assert results["recall"] == [1.0, None, None]
    assert results["precision"] == [1.0, None, None]
    assert json.loads(json.dumps(results, allow_nan=False)) == results

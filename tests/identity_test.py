import contextlib
import dataclasses
import json
import os
import shutil
import types

import numpy as np
import pytest

from tfcourse import batching, datasets, models, optimizers, run_directory, training
from tfcourse.run_directory import environment
from tfcourse.training.checkpoints import identity, kept_preprocessing, saved_arrays

pytestmark = pytest.mark.usefixtures("shared_programs")


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(64)


def train(folder, data, *, seed=1, epochs=2, batch_size=32, **flags):
    training.set_seed(seed)
    model = models.softmax_regression(data.input_shape, data.num_classes)
    training.compile_classifier(model, optimizers.Adam(0.01))
    flags = {"epochs": [str(epochs)], **{name: [text] for name, text in flags.items()}}
    with run_directory.open_run(folder, flags, recipe="test") as run:
        training.fit(
            model,
            data,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            run=run,
            verbose=0,
            tensorboard=False,
        )


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(folder, data, learning_rate="0.01")
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def newest(folder):
    return max((folder / "checkpoints").iterdir())


def altered(folder, change):
    """Alters the newest checkpoint, its checksum set right again."""
    path = newest(folder)
    arrays, state = saved_arrays.read(path, None)
    state = json.loads(json.dumps(state))
    name = change(state) or path.name
    path.unlink()
    path.with_name(name).write_bytes(b"".join(map(bytes, saved_arrays.pack(arrays, state))))


def refused(folder, data, message, **arguments):
    before = {path: path.read_bytes() for path in (folder / "checkpoints").iterdir()}
    with pytest.raises(training.CheckpointError, match=message):
        train(folder, data, **{"learning_rate": "0.01", **arguments})
    assert {path: path.read_bytes() for path in (folder / "checkpoints").iterdir()} == before


def test_the_same_run_goes_on(folder, data, capsys):
    train(folder, data, learning_rate="0.01", workers="2")
    assert "Resuming at epoch 3" in capsys.readouterr().out


def test_checkpoints_of_another_seed_are_refused(folder, data, tmp_path):
    train(tmp_path / "other", data, seed=2, learning_rate="0.01")
    shutil.rmtree(folder / "checkpoints")
    shutil.copytree(tmp_path / "other/checkpoints", folder / "checkpoints")
    refused(folder, data, "`seed` was 2, is 1; another order of examples")


def test_another_batch_size_is_refused(folder, data):
    refused(folder, data, "`batch_size` was 32, is 16", batch_size=16)


def test_flags_edited_by_hand_are_refused(folder, data):
    path = folder / "flags.txt"
    path.write_text(path.read_text().replace("0.01", "0.5"))
    refused(folder, data, "`learning_rate` was 0.01, is 0.5", learning_rate="0.5")


def test_epochs_edited_by_hand_are_refused(folder, data):
    path = folder / "flags.txt"
    path.write_text(path.read_text().replace("epochs=2", "epochs=3"))
    refused(folder, data, "`epochs` was 2, is 3", epochs=3)


def test_more_epochs_without_the_end_of_the_finished_run_are_refused(folder, data):
    (folder / "metrics.json").write_text("{}")
    newest(folder).rename(folder / "moved.ckpt")
    refused(folder, data, "was finished with 2 epochs, and that checkpoint is gone", epochs=3)
    assert (folder / "metrics.json").exists()


@pytest.mark.parametrize(
    ("epochs", "epoch", "stopped", "is_refused"),
    [
        *(("2", 2, False, True), ("3", 2, False, True), ("3", 3, False, False)),
        *(("2", 1, True, False), ("5", 1, False, False)),  # Stopped early; sent back by a nudge.
    ],
)
def test_what_a_run_with_more_epochs_goes_on_from(epochs, epoch, stopped, is_refused):
    run = types.SimpleNamespace(path="run", continued_from=[2, 3])
    state = {"run": {"flags": {"epochs": epochs}}, "epoch": epoch, "stopped": stopped}
    with pytest.raises(training.CheckpointError) if is_refused else contextlib.nullcontext():
        identity.check_end(state, run)


@pytest.mark.parametrize("name", ["train", "validation"])
def test_replaced_data_are_refused(folder, data, name):
    split = getattr(data, name)
    features = np.array(split.features)
    features[-1, 3, 3] += 0.25
    other = {name: datasets.Split(features, split.labels)}
    refused(folder, dataclasses.replace(data, **other), rf"other data \({name}\)")


def test_another_order_of_examples_is_refused(folder, data, monkeypatch):
    ordered = batching.epoch_permutation
    monkeypatch.setattr(
        batching, "epoch_permutation", lambda n, seed, epoch: ordered(n, seed, epoch)[::-1]
    )
    refused(folder, data, "another order of examples, .* another version of tfcourse")


def test_a_position_that_its_name_does_not_say_is_passed_over(folder, data, capsys):
    altered(folder, lambda state: state.update(epoch=52))
    train(folder, data, learning_rate="0.01")
    printed = capsys.readouterr().out
    assert "its position does not match its name" in printed
    assert "Resuming at" in printed or len(list((folder / "checkpoints").iterdir())) == 1


def moved(state):
    state["epoch"] += 50
    return f"999999-{state['epoch']:06d}-{state['step']:09d}.ckpt"


def test_a_position_that_its_history_does_not_have_is_refused(folder, data):
    altered(folder, moved)
    refused(folder, data, "its history is of 2 epochs, and 52 are done")


ODD = [
    *({"run": None}, {"run": {}}, {"library": []}, {"library": {"path": {}}}, {"settings": {}}),
    *({"settings": {"learning_rate_factor": "x"}}, {"settings": 5}, {"callbacks": 5}),
    *({"callbacks": [5]}, {"history": None}, {"nudges": [5]}, {"best_epoch": "x"}),
]


@pytest.mark.parametrize("change", ODD, ids=str)
def test_an_odd_state_with_the_right_checksum_is_refused(folder, data, change):
    altered(folder, lambda state: state.update(change))
    refused(folder, data, "checkpoint")


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: os.symlink("nowhere", path), lambda path: None]
)
def test_what_is_no_file_is_no_checkpoint(folder, data, make, capsys):
    train(folder, data, learning_rate="0.01")
    make(folder / "checkpoints" / f"{'9' * 18}-000001-000000000.ckpt")
    train(folder, data, learning_rate="0.01")
    assert capsys.readouterr().out.count("Resuming at epoch 3") == 2


def test_the_last_number_of_a_checkpoint_is_told(folder, data):
    newest(folder).unlink()  # So that there is something left to train.
    (folder / "checkpoints" / f"{'9' * 18}-000001-000000000.ckpt").touch()
    with pytest.raises(training.CheckpointError, match="the highest possible number"):
        train(folder, data, learning_rate="0.01", epochs=2)


def test_no_setting_but_those_of_optimizers_comes_out_of_a_file(folder, data):
    altered(folder, lambda state: state["settings"].update(update_step=0.5))
    refused(folder, data, "its optimizer has")


def test_a_million_epochs_and_checkpoints_are_found_again(folder, data, capsys):
    path = newest(folder)
    path.rename(path.with_name(f"1000000{path.name[6:]}"))
    train(folder, data, learning_rate="0.01")
    assert "Resuming at epoch 3" in capsys.readouterr().out
    assert newest(folder).name.startswith("999999") is False


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cpu": "another"}, "cpu another"),
        ({"instructions": "sse4_2"}, "instructions sse4_2"),
        ({"intra_op_threads": 77}, "intra_op_threads 77"),
        ({"onednn": "x"}, "onednn x"),
        ({"versions": {"tfcourse": "0.0.1"}}, "tfcourse 0.0.1"),
        ({"variables": {"XLA_FLAGS": "--x"}}, "XLA_FLAGS --x"),
    ],
    ids=str,
)
def test_another_machine_or_version_is_told(folder, data, capsys, change, told):
    altered(folder, lambda state: state["library"].update(change))
    train(folder, data, learning_rate="0.01")
    assert f"The run began with {told}, now" in capsys.readouterr().out


def test_threads_that_a_variable_asks_for_are_recorded(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    assert environment.settings_of_libraries()["intra_op_threads"] == 7


@pytest.mark.parametrize("shape", [(3,), (1, 1), (500, 7), (2, 64, 64)])
def test_a_digest_sees_every_number_and_its_place(shape):
    features = np.random.default_rng(1).random(shape, np.float32)
    digests = {identity.split_digest(datasets.Split(features, np.zeros(shape[0], np.int32)))}
    for index in np.random.default_rng(2).integers(0, features.size, 20):
        other = features.copy()
        other.flat[index] += 0.5
        digests.add(identity.split_digest(datasets.Split(other, np.zeros(shape[0], np.int32))))
    assert len(digests) == 1 + len(set(np.random.default_rng(2).integers(0, features.size, 20)))
    labels = np.zeros(shape[0], np.int32)
    labels[-1] = 1
    assert identity.split_digest(datasets.Split(features, labels)) not in digests


def test_a_digest_is_of_texts_and_dicts_too():
    def digest(texts):
        features = {"a": np.array(texts, object), "b": np.zeros(2)}
        return identity.split_digest(types.SimpleNamespace(features=features, labels=np.zeros(2)))

    assert digest(["x", "y"]) == digest(["x", "y"]) != digest(["x", "z"])


def test_data_that_can_not_change_is_hashed_once(monkeypatch):
    hashed = []
    whole = identity._hashed
    monkeypatch.setattr(identity, "_hashed", lambda parts: hashed.append(1) or whole(parts))
    writeable = np.ones((4, 2), np.float32)
    fixed = datasets.Split(writeable.copy(), np.zeros(4, np.int32)).frozen()
    assert identity.split_digest(fixed) == identity.split_digest(fixed)
    assert len(hashed) == 1
    before = identity.split_digest(datasets.Split(writeable, fixed.labels))
    assert before == identity.split_digest(fixed)
    writeable[0, 0] = 2
    assert identity.split_digest(datasets.Split(writeable, fixed.labels)) != before


@pytest.mark.parametrize(
    ("before", "now", "is_same"),
    [
        ("csv:/a/t.csv (sha256 12ab)", "csv:t.csv (sha256 12ab)", True),  # The folder was moved.
        ("csv:t.csv (sha256 12ab)", "csv:t.csv (sha256 12ac)", False),
        ("scikit-learn 1.8: load_digits", "scikit-learn 1.9: load_digits", True),
        ("csv:t.csv (sha256 12ab)", "scikit-learn 1.9: load_digits", False),
    ],
)
def test_data_files_are_the_same_wherever_they_lie(data, tmp_path, before, now, is_same):
    path = tmp_path / "preprocessing.json"
    fitted = dataclasses.replace(data.preprocessing, source=before)
    path.write_text(datasets.preprocessing.to_json(fitted))
    assert kept_preprocessing.is_same(path, dataclasses.replace(fitted, source=now)) is is_same

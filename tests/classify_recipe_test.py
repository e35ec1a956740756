import dataclasses
import json
import types

import numpy as np
import processes
import pytest

from recipes import classify, mnist_softmax
from tfcourse import datasets, inference, run_directory, training
from tfcourse.training.checkpoints import kept_preprocessing

PENGUINS = "configs/data/penguins.csv"


def dataset(num_examples, shape, num_classes=3):
    features = np.zeros((num_examples, *shape), np.float32)
    split = datasets.Split(features, np.arange(num_examples, dtype=np.int32) % num_classes)
    names = tuple(map(str, range(num_classes)))
    return datasets.Dataset("blank", split, split, split, names, "here")


@pytest.mark.parametrize(
    ("num_examples", "shape", "model", "batch_size", "epochs"),
    [
        (2, (4,), "batch_norm_mlp", 2, 100),
        (97, (4,), "batch_norm_mlp", 14, 100),  # 13 are left for the last step, not 1.
        (100, (4,), "batch_norm_mlp", 15, 100),
        (600, (4,), "batch_norm_mlp", 16, 53),
        (999, (4,), "batch_norm_mlp", 16, 32),
        (1_000, (4,), "batch_norm_mlp", 16, 32),
        (5_000, (4,), "batch_norm_mlp", 32, 13),
        (100_000, (4,), "batch_norm_mlp", 512, 10),
        (100, (4, 4, 1), "batch_norm_mlp", 15, 100),
        (100, (8, 8, 1), "small_cnn", 15, 100),
    ],
)
def test_defaults_follow_kind_and_size(num_examples, shape, model, batch_size, epochs):
    settled = classify.settled(classify.Classify(), dataset(num_examples, shape))
    assert (settled.model, settled.batch_size, settled.epochs) == (model, batch_size, epochs)


@pytest.mark.parametrize(
    ("num_examples", "learning_rate", "decay"),
    [
        *((20, 0.01, 3.0), (50, 0.01, 1.2), (600, 0.01, 0.1), (100_000, 0.01, 0.1)),
        *((2, 0.01, 10.0), (20, 0.1, 1.0), (20, 2.0, 0.05)),  # A step takes a tenth at most.
    ],
)
def test_weight_decay_is_the_stronger_the_fewer_the_rows(num_examples, learning_rate, decay):
    given = classify.Classify(learning_rate=learning_rate)
    settled = classify.settled(given, dataset(num_examples, (4,)))
    assert settled.weight_decay == pytest.approx(decay)


def test_what_is_given_is_kept():
    given = classify.Classify(
        model="batch_norm_mlp", batch_size=7, epochs=3, hidden_units=(5,), weight_decay=0.02
    )
    settled = classify.settled(given, dataset(100, (4,)))
    assert type(settled) is mnist_softmax.MnistSoftmax
    assert {name: getattr(settled, name) for name in ("model", "batch_size", "epochs")} == {
        "model": "batch_norm_mlp",
        "batch_size": 7,
        "epochs": 3,
    }
    assert (settled.hidden_units, settled.weight_decay) == ((5,), 0.02)


def test_what_the_chosen_model_ignores_is_refused():
    with pytest.raises(ValueError, match="`hidden_units` has no effect on small_cnn"):
        classify.settled(classify.Classify(hidden_units=(5,)), dataset(100, (8, 8, 1)))
    classify.settled(classify.Classify(dropout=0.1), dataset(100, (8, 8, 1)))


def test_a_batch_of_one_example_is_refused_where_it_would_be_normalized_by_itself():
    with pytest.raises(ValueError, match="`batch_size` must be 2 or more"):
        classify.settled(classify.Classify(batch_size=1), dataset(100, (4,)))
    regression = classify.Classify(batch_size=1, model="softmax_regression")
    assert classify.settled(regression, dataset(100, (4,))).batch_size == 1
    assert (
        classify.settled(classify.Classify(batch_size=1), dataset(100, (8, 8, 1))).batch_size == 1
    )


def test_a_small_cnn_is_refused_where_there_are_no_images_to_halve():
    for shape in ((4,), (6, 6, 1)):
        with pytest.raises(ValueError, match="`model=small_cnn` is for images with sides of at"):
            classify.settled(classify.Classify(model="small_cnn"), dataset(100, shape))


@pytest.fixture(scope="module")
def penguins():
    return datasets.load(f"csv:{PENGUINS}", label="species", missing="impute")


def test_penguins_are_told_apart(penguins):
    model, _ = classify.train(classify.Classify(), penguins, seed=1, verbose=0)
    assert training.evaluate(model, penguins.test)["accuracy"] > 0.97


def test_the_best_epoch_has_the_lowest_validation_loss(penguins):
    hyperparameters = classify.Classify(model="softmax_regression", epochs=30, learning_rate=0.3)
    _, history = classify.train(hyperparameters, penguins, seed=1, verbose=0)
    losses, accuracies = (history.history[name] for name in ("val_loss", "val_accuracy"))
    assert accuracies.count(max(accuracies)) > 1  # Accuracy would leave the choice to ties.
    assert history.best_epoch == 1 + np.argmin(losses)
    other = dataclasses.replace(hyperparameters, monitor="val_accuracy")
    _, history = classify.train(other, penguins, seed=1, verbose=0)
    assert accuracies[history.best_epoch - 1] == max(accuracies)


def test_balanced_classes_are_weighted(penguins):
    linear = classify.Classify(model="softmax_regression")

    def first_loss(**changes):
        hyperparameters = dataclasses.replace(linear, epochs=1, batch_size="full", **changes)
        _, history = classify.train(hyperparameters, penguins, seed=1, verbose=0)
        return history.history["loss"][0]

    model = classify.build(linear, penguins, seed=1)
    logits = model.predict(penguins.train.features, verbose=0).astype(float)
    labels = penguins.train.labels
    log_sum = np.log(np.exp(logits).sum(axis=1))
    losses = log_sum - logits[np.arange(len(labels)), labels]
    weights = len(labels) / (3 * np.bincount(labels)[labels])
    assert first_loss() == pytest.approx(losses.mean(), rel=1e-5)
    assert first_loss(class_weight="balanced") == pytest.approx((weights * losses).mean(), rel=1e-5)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A finished run on the penguins, of two epochs."""
    folder = tmp_path_factory.mktemp("run")
    given = {"label": "species", "missing": "impute"}
    dataset = f"csv:{PENGUINS}"
    texts = {"dataset": dataset, "epochs": "2", "seed": "1", **given}
    flags = {name: [text] for name, text in texts.items()}
    data, options = datasets.load(dataset, **given), types.SimpleNamespace(seed=1)
    with run_directory.open_run(folder, flags, recipe="recipes.classify") as run:
        run.write_metrics(classify.main(classify.Classify(epochs=2), data, options, run))
    return folder


def test_a_run_keeps_how_the_raw_table_becomes_features(run_dir, penguins):
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert metrics["model"] == "batch_norm_mlp"
    assert (metrics["train_examples"], metrics["batch_size"]) == (220, 16)
    assert metrics["weight_decay"] == pytest.approx(60 / 220)
    kept = datasets.preprocessing.from_json((run_dir / "preprocessing.json").read_text())
    assert kept == penguins.preprocessing
    assert (run_dir / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_is_used_again_with_its_own_network_and_table(run_dir, penguins):
    classifier = inference.load_run(run_dir)
    test = inference.load_split(classifier, "test")
    np.testing.assert_array_equal(test.features, penguins.test.features)
    right = classifier.probabilities(test.features).argmax(axis=1) == test.labels
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert right.mean() == pytest.approx(metrics["test_accuracy"])


def test_a_run_does_not_go_on_with_other_data(tmp_path, penguins):
    run = run_directory.RunDirectory(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/1.ckpt").touch()
    fitted = penguins.preprocessing
    for _ in range(2):
        kept_preprocessing.keep(run, fitted)
    for other in ({"source": "csv:penguins.csv (sha256 0)"}, {"columns": fitted.columns[1:]}):
        with pytest.raises(datasets.DataError, match="received other data in csv:"):
            kept_preprocessing.keep(run, dataclasses.replace(fitted, **other))
    for version in (1, 2):
        newer = dataclasses.replace(fitted, source=f"library {version}")
        (tmp_path / "preprocessing.json").write_text(datasets.preprocessing.to_json(newer))
        kept_preprocessing.keep(run, dataclasses.replace(fitted, source="library 2"))


def command(tmp_path, *flags):
    done = processes.command("recipes.classify", *flags, f"--run_dir={tmp_path / 'run'}")
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        ([f"--dataset=csv:{PENGUINS}"], 2, "expected --label"),
        ([f"--dataset=csv:{PENGUINS}", "--label=specis"], 3, "Did you mean 'species'"),
        (["--dataset=csv:a.csv", "--data_dir=."], 2, "csv:a.csv is not looked for in --data_dir"),
        (["--dataset=digits", "--label=y"], 2, "digits does not go with --label"),
        (["--dataset=npz:none.npz"], 3, "none.npz: expected an NPZ file"),
        (["--image_size=0"], 2, "one or two whole numbers in [1, 8192]"),
        (["--image_size=32,32,3"], 2, "one or two whole numbers in [1, 8192]"),
        (["--expect=test_acuracy:0.9:1"], 2, "Did you mean test_accuracy?"),
        (["--sweep=random", "--expect=weight_decay:0:1"], 2, "weight_decay: no such result"),
    ],
)
def test_wrong_flags_end_before_anything_is_made(tmp_path, flags, code, message):
    ended = command(tmp_path, *flags)
    assert ended[0] == code
    assert message in ended[2]
    assert ended[2].count("\n") == 1 + ("try: " in ended[2])
    assert not (tmp_path / "run").exists()


def test_own_table_is_swept_by_workers(tmp_path):
    code, _, error = command(
        tmp_path,
        *(f"--dataset=csv:{PENGUINS}", "--label=species", "--ignore=year"),
        *("--sweep=random", "--trials=2", "--workers=1", "--epochs=3"),
    )
    assert code == 0, error
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert metrics["trials"] == 2
    best = (tmp_path / "run/best.flags").read_text()
    assert "--label=species\n" in best
    assert "--ignore=year\n" in best
    assert list((tmp_path / "run/trials").rglob("preprocessing.json"))
    assert ": val_loss " in best
    assert "--model=batch_norm_mlp\n" in best  # What --model=auto was settled on.

import csv
import json
import types

import keras
import numpy as np
import pytest
import sklearn.metrics

from recipes import classify, evaluate, mnist_softmax, predict
from tfcourse import (
    command_line,
    datasets,
    inference,
    measures,
    models,
    optimizers,
    reports,
    run_directory,
    training,
)
from tfcourse.command_line import expectations, sweeping
from tfcourse.tuning import settings
from tfcourse.tuning.records import is_minimized
from tfcourse.tuning.space import space_of

PENGUINS = "configs/data/penguins.csv"


def line(count=1500, seed=0, noise=0.5):
    """Returns features [count, 3] and 40 + 2 x_0 - 3 x_1 + noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3))
    return x, 40 + 2 * x[:, 0] - 3 * x[:, 1] + noise * rng.normal(size=count)


@pytest.fixture(scope="module")
def data():
    return datasets.from_arrays(line(), task="regression")


def test_errors_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    values = 1e6 + rng.normal(size=300)
    predictions = values + rng.normal(size=300)
    found = measures.regression_errors(values, predictions, 1e6 + 0.1)
    mse = sklearn.metrics.mean_squared_error(values, predictions)
    expected = {
        "mae": sklearn.metrics.mean_absolute_error(values, predictions),
        "rmse": np.sqrt(mse),
        "r2": sklearn.metrics.r2_score(values, predictions),
        "baseline_rmse": np.sqrt(np.mean((values - 1e6 - 0.1) ** 2)),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    for name in ("mae", "rmse", "r2"):
        low, high = found[f"{name}_interval_95"]
        assert low < found[name] < high
    assert found == measures.regression_errors(values, predictions, 1e6 + 0.1)


def test_an_interval_is_as_wide_as_the_normal_one_of_many_examples():
    rng = np.random.default_rng(2)
    errors = rng.normal(size=30_000)  # More than are resampled one by one.
    found = measures.regression_errors(errors, 0 * errors, 0.0)
    low, high = found["mae_interval_95"]
    assert high - low == pytest.approx(2 * 1.96 * abs(errors).std() / np.sqrt(30_000), rel=0.1)


def test_predicting_the_mean_has_an_r2_of_0_and_equal_values_none():
    values = np.arange(10.0)
    found = measures.regression_errors(values, np.full(10, 4.5), 4.5)
    assert found["r2"] == pytest.approx(0)
    assert found["rmse"] == found["baseline_rmse"]
    for equal, mean in ((1.0, 1.0), (0.1, 0.0), (2.3, 1.1)):
        found = measures.regression_errors(np.full(7, equal), np.zeros(7), mean)
        assert (found["r2"], found["r2_interval_95"]) == (None, None)


def test_resamples_that_repeat_one_example_have_no_r2():
    values, predictions = np.array([0.1, 0.2, 0.7]), np.array([0.1, 0.2, 0.6])
    low, high = measures.regression_errors(values, predictions, 0.0)["r2_interval_95"]
    assert 0.5 < low <= high == 1.0


@pytest.mark.parametrize("name", ["softmax_regression", "batch_norm_mlp"])
def test_one_output_is_one_number_in_float32(name):
    training.set_precision("mixed_bfloat16")
    try:
        model = models.MODELS[name]((3,), 1)
    finally:
        training.set_precision("float32")
    assert model.output_shape == (None, 1)
    assert model.layers[-1].compute_dtype == "float32"
    linear = models.softmax_regression((3,), 1)
    assert linear.name == "linear_regression"
    assert linear.count_params() == 4


def test_each_step_is_that_of_gradient_descent_by_hand(data):
    x, y = data.train.features.astype(float), data.train.labels.astype(float)
    w, b = np.zeros(3), 0.0
    for _ in range(5):
        error = x @ w + b - y
        w, b = w - 0.1 * 2 * x.T @ error / len(y), b - 0.1 * 2 * error.mean()
    model = models.softmax_regression((3,), 1)
    optimizer = optimizers.GradientDescent(0.1)
    training.compile_for(model, optimizer, data)
    training.fit(model, data, epochs=5, batch_size="full", seed=1, verbose=0, tensorboard=False)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], w, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], [b], atol=1e-6)


def test_loss_and_error_weigh_every_example_alike(data):
    model = models.batch_norm_mlp((3,), 1, hidden_units=(4,))
    training.compile_for(model, optimizers.Adam(0.01), data)
    split = data.train
    assert len(split) > 1000  # So that the last batch of an evaluation is a smaller one.
    found = training.evaluate(model, split)
    errors = model.predict(split.features, verbose=0)[:, 0].astype(float) - split.labels
    deviation = data.target.standard_deviation
    assert found == pytest.approx(
        {"loss": np.mean(errors**2), "mae": deviation * abs(errors).mean()}, rel=1e-5
    )
    history = training.fit(
        model, data, epochs=1, batch_size=512, seed=1, verbose=0, tensorboard=False
    )
    assert history.history["val_mae"] == [
        pytest.approx(training.evaluate(model, data.validation)["mae"], rel=1e-6)
    ]


def test_the_metric_is_kept_with_a_model():
    metric = training.preparation.AbsoluteError(2.5, name="mae")
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert again.get_config() == metric.get_config()


def fit(data, **arguments):
    training.set_seed(1)
    model = models.batch_norm_mlp((3,), 1, hidden_units=(8,), dropout=0.1)
    training.compile_for(model, optimizers.Adam(0.01), data)
    history = training.fit(model, data, batch_size=100, seed=1, verbose=0, **arguments)
    return model.get_weights(), history.history


def test_a_training_that_was_stopped_goes_on_bit_for_bit(data, tmp_path):
    fit(data, epochs=2, run_dir=tmp_path / "run")
    weights, history = fit(data, epochs=4, run_dir=tmp_path / "run")
    expected, whole = fit(data, epochs=4, run_dir=tmp_path / "whole")
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert {k: v for k, v in history.items() if k != "train_seconds"} == {
        k: v for k, v in whole.items() if k != "train_seconds"
    }


def test_the_recipe_reaches_what_least_squares_reaches():
    data = datasets.from_arrays(line(400), task="regression")
    chosen = classify.Classify(model="softmax_regression", weight_decay=0.0)
    model, history = classify.train(chosen, data, seed=1, verbose=0)
    metrics = training.final_metrics(model, history, data)
    x, y = data.test.features, data.target.in_units(data.test.labels)
    train = np.column_stack([np.ones(len(data.train)), data.train.features])
    solution = np.linalg.lstsq(train, data.target.in_units(data.train.labels), rcond=None)[0]
    rmse = np.sqrt(np.mean((np.column_stack([np.ones(len(y)), x]) @ solution - y) ** 2))
    assert metrics["test_rmse"] == pytest.approx(rmse, rel=0.05)
    assert metrics["test_mae"] < metrics["test_rmse"] < 0.2 * metrics["test_baseline_rmse"]
    assert metrics["test_r2"] > 0.95
    assert metrics["target"]["name"] == "y"
    numbers = {name for name, value in metrics.items() if isinstance(value, (int, float))}
    assert numbers <= {*expectations.FINAL}
    assert model.name == "linear_regression"
    assert "test RMSE" in training.summary(metrics)
    assert "by always predicting the mean" in training.summary(metrics)
    json.dumps(metrics, allow_nan=False)


def test_classes_are_not_weighed_where_there_are_none(data):
    with pytest.raises(ValueError, match=r"`class_weight` weighs classes.*`task=classification`"):
        classify.train(classify.Classify(class_weight="balanced"), data, seed=1)
    model = models.softmax_regression((3,), 1)
    training.compile_for(model, optimizers.Adam(0.01), data)
    with pytest.raises(ValueError, match=r"`class_weight` weighs classes"):
        training.fit(model, data, epochs=1, batch_size=9, seed=1, class_weight=[1, 2])


@pytest.fixture(scope="module")
def csv_file(tmp_path_factory):
    """A table with columns a, b, kind, name and the quantity `price (EUR)`."""
    path = tmp_path_factory.mktemp("table") / "flats.csv"
    x, y = line(200, seed=3)
    rows = [
        [f"{i:03}", f"{a:.4f}", f"{b:.4f}", "uv"[i % 2], f"{value:.3f}"]
        for i, ((a, b, _), value) in enumerate(zip(x, y, strict=True))
    ]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([["name", "a", "b", "kind", "price (EUR)"], *rows])
    return path


@pytest.fixture(scope="module")
def run_dir(csv_file, tmp_path_factory):
    """A finished run on that table."""
    folder = tmp_path_factory.mktemp("run")
    texts = {
        **{"dataset": f"csv:{csv_file}", "label": "price (EUR)", "ignore": "name"},
        **{"epochs": "300", "seed": "1"},
    }
    data = datasets.load(texts["dataset"], label=texts["label"], ignore=("name",))
    flags = {name: [text] for name, text in texts.items()}
    with run_directory.open_run(folder, flags, recipe="recipes.classify") as run:
        chosen = classify.Classify(epochs=300)
        model, history = classify.train(chosen, data, 1, run, tensorboard=False, verbose=0)
        training.save_model(model, run)
        metrics = training.final_metrics(model, history, data)
        command_line.program.write_model_card("classify", run, metrics, chosen)
        reports.draw_curves(run.path)
        run.write_metrics(metrics)
    return folder


def predicted(run_dir, source, output, **options):
    predict.main(
        predict.Prediction(run_dir=str(run_dir), input=str(source), output=str(output), **options)
    )
    if output.suffix == ".json":
        return json.loads(output.read_text())
    with open(output, newline="") as file:
        return list(csv.DictReader(file))


def test_predictions_need_no_label_and_take_columns_in_any_order(run_dir, csv_file, tmp_path):
    rows = predicted(run_dir, csv_file, tmp_path / "out.csv", id="name")
    assert list(rows[0]) == ["name", "prediction"]
    assert [row["name"] for row in rows[:2]] == ["000", "001"]
    with open(csv_file, newline="") as file:
        table = list(csv.DictReader(file))
    values = np.array([float(row["price (EUR)"]) for row in table])
    found = np.array([float(row["prediction"]) for row in rows])
    assert sklearn.metrics.r2_score(values, found) > 0.9
    new = tmp_path / "new.csv"
    with open(new, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["more", "kind", "price (EUR)", "b", "name", "a"])
        for row in table[:5]:
            writer.writerow(["x", row["kind"], "", row["b"], row["name"], row["a"]])
    assert predicted(run_dir, new, tmp_path / "out.csv", id="name") == rows[:5]
    objects = predicted(run_dir, new, tmp_path / "out.json", id="name")
    assert [[o["name"], f"{o['prediction']:.7g}"] for o in objects] == [
        [row["name"], row["prediction"]] for row in rows[:5]
    ]
    rows = predicted(run_dir, new, tmp_path / "out.csv")
    assert rows[0]["input"] == f"{new}, line 2"
    classifier = inference.load_run(run_dir)
    with pytest.raises(ValueError, match="use `predictions`"):
        classifier.probabilities(np.zeros((1, *classifier.input_shape), np.float32))


def test_a_missing_column_is_named(run_dir, tmp_path):
    (tmp_path / "new.csv").write_text("a,b\n1,2\n")
    with pytest.raises(datasets.DataError, match="expected a column 'kind', as in training"):
        predicted(run_dir, tmp_path / "new.csv", tmp_path / "out.csv")
    (tmp_path / "new.csv").write_text("b\n2\n")
    with pytest.raises(datasets.DataError, match=r"the columns 'a', 'kind', as in.*Add them"):
        predicted(run_dir, tmp_path / "new.csv", tmp_path / "out.csv")
    (tmp_path / "new.csv").write_text("a,b,kind\n1,2,u\n")
    with pytest.raises(datasets.DataError, match="expected a column 'name', as `id` says"):
        predicted(run_dir, tmp_path / "new.csv", tmp_path / "out.csv", id="name")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", ["prediction", "label", "probability_3"])
def test_an_identifier_is_not_called_like_the_output(name):
    with pytest.raises(ValueError, match="`id` must not be the name"):
        predict.Prediction(run_dir="run", input="a.csv", output="out.csv", id=name)


def test_evaluation_is_that_of_the_run(run_dir, csv_file, tmp_path):
    evaluate.main(evaluate.Evaluation(run_dir=str(run_dir), split="test", output=str(tmp_path)))
    found = json.loads((tmp_path / "evaluation.json").read_text())
    metrics = json.loads((run_dir / "metrics.json").read_text())
    for name in ("mae", "rmse", "r2", "rmse_interval_95", "baseline_rmse"):
        assert found[name] == pytest.approx(metrics[f"test_{name}"], rel=1e-6)
    assert found["target"] == "price (EUR)"
    assert (tmp_path / "predictions.png").stat().st_size > 10_000
    assert not (tmp_path / "confusion.png").exists()
    evaluate.main(
        evaluate.Evaluation(run_dir=str(run_dir), input=str(csv_file), output=str(tmp_path))
    )
    assert json.loads((tmp_path / "evaluation.json").read_text())["examples"] == 200
    with pytest.raises(command_line.UsageError, match="--bins is for classes"):
        evaluate.main(evaluate.Evaluation(run_dir=str(run_dir), bins=10))


def test_an_exported_model_predicts_in_the_labels_units(run_dir, csv_file, tmp_path):
    classifier = inference.load_run(run_dir)
    features = classifier.preprocessing.read(csv_file).features[:50]
    found = inference.export(classifier, "saved_model", tmp_path / "model", features)
    assert found["output"] == "prediction, float32 [examples]"
    assert found["largest_difference"] < 1e-4
    assert found["target"] == "price (EUR)"


def test_the_card_tells_the_errors_beside_the_mean_s(run_dir):
    card = (run_dir / "model_card.md").read_text()
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert card.startswith("# classify on csv:")
    assert "A regression of price (EUR) on 4 values" in card
    low, high = metrics["test_rmse_interval_95"]
    assert f"| test | 40 | {metrics['test_rmse']:.4g} ({low:.4g} to {high:.4g}) |" in card
    assert f"| {metrics['test_baseline_rmse']:.4g} |" in card
    assert "class" not in card.partition("## Hyperparameters")[0].replace("classify", "")


def test_curves_of_a_quantity_are_not_compared_with_those_of_classes(tmp_path):
    history = "epoch,loss,{0},val_loss,val_{0}\n1,1,1,1,1\n2,1,1,1,1\n"
    for name in ("accuracy", "mae"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "history.csv").write_text(history.format(name))
        reports.draw_curves(tmp_path / name)
    with pytest.raises(ValueError, match="compare like runs"):
        reports.draw_comparison({n: tmp_path / n for n in ("accuracy", "mae")}, tmp_path / "a.png")


def asked_sweep(base, objective="auto", searches=None):
    """What --sweep, --objective and --search ask for."""
    asked = settings.settings_of(
        classify.train, base, space_of(base), dataset="csv:x", trials=2, objective=objective
    )
    return types.SimpleNamespace(settings=asked, searches=searches or {}, fixed=())


def names_of(space):
    return {axis.name for axis in space.axes}


def test_a_sweep_searches_what_matters_for_the_model_that_is_trained():
    base = classify.Classify()
    asked = asked_sweep(base)
    before = names_of(asked.settings.space)
    assert {"hidden_units", "dropout"} <= before
    penguins = datasets.load(f"csv:{PENGUINS}", label="species", ignore=("year",))
    for data, model, without_effect in (
        (penguins, "batch_norm_mlp", set()),
        (datasets.load("digits"), "small_cnn", {"hidden_units"}),
    ):
        found = sweeping._settled(asked, base, data, classify.settled_model)
        assert found.base["model"] == classify.settled(base, data).model == model
        assert before - names_of(found.space) == without_effect
        space = classify.hypermodel(data).search_space()
        assert ("hidden_units" in space.values) == (not without_effect)


def test_what_has_no_effect_on_the_model_is_not_searched_though_asked_for():
    base = classify.Classify()
    asked = asked_sweep(base, searches={"hidden_units": "8/16"})
    digits = datasets.load("digits")
    with pytest.raises(command_line.UsageError) as caught:
        sweeping._settled(asked, base, digits, classify.settled_model)
    assert str(caught.value) == (
        "--search, --fix: hidden_units matters only with model batch_norm_mlp. "
        "With this data model is small_cnn"
    )


def test_a_sweep_of_a_quantity_ranks_by_loss(data):
    base = classify.Classify(model="batch_norm_mlp")
    found = sweeping._settled(asked_sweep(base), base, data, classify.settled_model)
    assert found.objective == "val_loss"
    assert {"hidden_units", "dropout"} <= names_of(found.space)
    for objective in ("val_accuracy", "accuracy"):
        with pytest.raises(command_line.UsageError, match="has no accuracy"):
            sweeping._settled(asked_sweep(base, objective), base, data, None)
    wrong = classify.Classify(class_weight="balanced")
    with pytest.raises(command_line.UsageError, match="weighs classes"):
        sweeping._settled(asked_sweep(wrong), wrong, data, classify.settled_model)


def test_searched_values_that_do_not_fit_the_data_are_refused_at_once(data):
    base = classify.Classify()
    for searches, message in (
        ({"class_weight": "none,balanced"}, "--search: `class_weight` weighs classes"),
        ({"augment": "none/flip"}, "--search: `augment` is for images"),
        ({"model": "batch_norm_mlp,small_cnn"}, "--search: `model=small_cnn` is for images"),
    ):
        with pytest.raises(command_line.UsageError, match=message):
            sweeping._settled(
                asked_sweep(base, searches=searches), base, data, classify.settled_model
            )
    wide = classify.Classify(hidden_units=(32,))
    both = asked_sweep(wide, searches={"model": "softmax_regression,batch_norm_mlp"})
    assert "model" in names_of(sweeping._settled(both, wide, data, classify.settled_model).space)


def test_batches_beyond_the_training_split_are_not_searched():
    base = classify.Classify()
    data = datasets.load(f"csv:{PENGUINS}", label="body_mass_g")

    def sizes(searches=None, data=data):
        asked = asked_sweep(base, searches=searches)
        space = sweeping._settled(asked, base, data, classify.settled_model).space
        (axis,) = (each for each in space.axes if each.name == "batch_size")
        return axis.scale.options

    assert sizes()[-2:] == (128, 256)  # Of 219 rows.
    assert sizes({"batch_size": "16:512:power_of_two"})[-1] == 512
    assert sizes(data=datasets.load("digits"))[-1] == 512


def test_errors_are_minimized():
    errors = ("mean_absolute_error", "root_mean_squared_error", "binary_crossentropy")
    assert all(map(is_minimized, ("val_loss", "loss", "val_mae", *errors)))
    assert not any(map(is_minimized, ("val_accuracy", "accuracy")))


def test_the_other_recipes_learn_a_quantity_too(data):
    chosen = mnist_softmax.MnistSoftmax(epochs=3, hidden_units=(8,), learning_rate=0.05)
    model, history = mnist_softmax.train(chosen, data, seed=1, verbose=0)
    assert training.final_metrics(model, history, data)["test_r2"] > 0.5

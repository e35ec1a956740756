import pathlib
import re

import keras
import numpy as np
import pytest

from tfcourse import models, training
from tfcourse.training import keras_internals
from tfcourse.training.checkpoints.checkpoint import variables_of


def test_nothing_else_reaches_into_keras():
    private = r"\b(?:model|twin|optimizer|layer|callback|variable)\._(?!get_variable_index)\w+"
    internal = re.compile(private + r"|keras\.src|tensorflow\.python")
    package = pathlib.Path(keras_internals.__file__).parents[1]
    found = [
        f"{path.relative_to(package)}: {hit}"
        for path in package.rglob("*.py")
        if not path.name.endswith("_internals.py")
        for hit in internal.findall(path.read_text())
    ]
    # Our own optimizers' slots.
    assert found == ["training/optimizer_settings.py: optimizer._weighted_sums"]


def own_metrics(model, metrics):
    model.compile("adam", "mean_squared_error", metrics=metrics)
    return model


def functional():
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(inputs)))


def classifier(model):
    training.compile_classifier(model, keras.optimizers.Adam(0.01))
    return model


BUILDS = {
    "softmax_regression": lambda: classifier(models.softmax_regression((8, 8, 1), 10)),
    "batch_norm_mlp": lambda: classifier(models.batch_norm_mlp((8, 8, 1), 10, (16,), 0.5)),
    "instances": lambda: own_metrics(functional(), [keras.metrics.MeanAbsoluteError(), "accuracy"]),
    "made late": lambda: own_metrics(functional(), [keras.metrics.R2Score()]),
}


@pytest.mark.parametrize("name", BUILDS)
def test_a_model_is_built_quickly_as_keras_builds_it(name, monkeypatch):
    specs, found, calls = keras.src.backend.compute_output_spec, {}, []

    def counted(*arguments, **options):
        calls.append(1)
        return specs(*arguments, **options)

    monkeypatch.setattr(keras.src.backend, "compute_output_spec", counted)
    for quickly in (False, True):
        keras.backend.clear_session(free_memory=False)  # Names begin anew.
        keras.utils.set_random_seed(3)
        model = BUILDS[name]()
        features = np.zeros((6, 8, 8, 1), "float32")
        # A column per output is what R2Score and the losses of numbers expect.
        labels = np.zeros((6, 10) if name in ("instances", "made late") else 6, "int32")
        calls.clear()
        keras_internals.build_for(model, (features, labels), quickly=quickly)
        assert bool(calls) != (quickly and name != "made late")
        variables = variables_of(model)
        found[quickly] = [(v.path, v.shape, v.dtype, v.numpy().tolist()) for v in variables]
        found[quickly] += sorted(model.get_metrics_result())
    assert found[True] == found[False]


class FromOne(keras.metrics.MeanSquaredError):
    def reset_state(self):
        super().reset_state()
        self.count.assign(1)


@pytest.mark.parametrize("own", [keras.metrics.R2Score, FromOne])
def test_metrics_are_reset_as_keras_resets_them(own):
    metrics = [keras.metrics.MeanAbsoluteError(), "accuracy", own()]
    model = own_metrics(functional(), metrics)
    features, labels = np.ones((6, 8, 8, 1), "float32"), np.ones((6, 10), "float32")
    found = []
    for reset in (model.reset_metrics, lambda: keras_internals.reset_metrics(model)):
        model.evaluate(features, labels, verbose=0)
        assert all(metric.result() for metric in model.metrics if hasattr(metric, "total"))
        reset()
        found.append([each.numpy() for metric in model.metrics for each in metric.variables])
    assert len(found[0]) > 6
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_resets_its_metrics_itself_is_asked_to():
    class Asked(keras.Sequential):
        def reset_metrics(self):
            self.asked = True

    model = own_metrics(Asked([keras.layers.Dense(1)]), [])
    keras_internals.reset_metrics(model)
    assert model.asked


def test_a_strategy_that_begins_a_variable_is_not_taken_for_one():
    class Strategy:
        def initial_value(self):
            return lambda: self.shape

    assert keras_internals.variable_begun_by(Strategy().initial_value()) is None

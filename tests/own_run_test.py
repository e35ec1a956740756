"""A run directory that `fit` opens by itself."""

import keras
import numpy as np
import pytest

from tfcourse import datasets, optimizers, run_directory, schedules, training
from tfcourse.training import checkpoint, nudging, session, steps


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(96)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    # XLA would take most of the time and changes nothing of this.
    monkeypatch.setattr(steps, "compiles_with_xla", lambda model: False)
    monkeypatch.setattr(session, "_SAVE_SECONDS", -1.0)  # A checkpoint after every block.


class Stop(keras.callbacks.Callback):
    """Cuts the run off once so many steps are done."""

    def __init__(self, steps):
        super().__init__()
        self._steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == self._steps:
            raise KeyboardInterrupt


def built(optimizer=None):
    """Returns a model whose layers Keras names, each time otherwise."""
    training.set_seed(1)
    layers = [keras.layers.Flatten(), keras.layers.Dense(8), keras.layers.Dropout(0.2)]
    model = keras.Sequential([keras.Input([8, 8, 1]), *layers, keras.layers.Dense(10)])
    training.compile_classifier(model, optimizer or optimizers.Momentum(0.05, beta=0.9))
    return model


def fit(model, data, run_dir, stop=None, **options):
    options = {"epochs": 2, "batch_size": 32, "seed": 1, "steps_per_block": 1, **options}
    return training.fit(
        model,
        data,
        run_dir=run_dir,
        callbacks=[Stop(stop)],
        tensorboard=False,
        verbose=0,
        **options,
    )


def arrays(model):
    return [variable.numpy() for variable in checkpoint.variables_of(model)]


@pytest.mark.parametrize("kind", [optimizers.Momentum, keras.optimizers.Adam])
def test_a_model_built_again_in_the_same_process_goes_on(data, tmp_path, kind):
    whole = built(kind(0.05))
    history = fit(whole, data, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(built(kind(0.05)), data, tmp_path / "stopped", stop=4)
    resumed = built(kind(0.05))
    assert resumed.layers[1].name != whole.layers[1].name
    again = fit(resumed, data, tmp_path / "stopped")
    assert again.history == history.history
    for a, b in zip(arrays(whole), arrays(resumed), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_whose_run_was_nudged_goes_on_in_the_same_process(data, tmp_path):
    model = built(optimizers.Momentum(schedules.ExponentialDecay(0.05, 3)))
    with pytest.raises(KeyboardInterrupt):
        fit(model, data, tmp_path, stop=4)
    nudging.OptimizerSettings(model.optimizer).set("learning_rate", 0.01)
    assert len(fit(model, data, tmp_path).epoch) == 2


def test_a_second_training_is_told_as_such(data, tmp_path, capsys):
    model = built()
    fit(model, data, tmp_path)
    capsys.readouterr()
    fit(model, data, tmp_path)
    told = capsys.readouterr().out
    assert "nothing is trained" in told
    assert "another `run_dir`" in told
    model.compile(keras.optimizers.Adam(0.01), model.loss)
    with pytest.raises(run_directory.ChangedFlagsError, match="another model") as refused:
        fit(model, data, tmp_path)
    assert "a second training needs another `run_dir`" in str(refused.value)
    with pytest.raises(run_directory.ChangedFlagsError, match="`seed` is 2, was 1") as refused:
        fit(built(), data, tmp_path, seed=2)
    assert "a second training needs another `run_dir`" in str(refused.value)

import keras
import numpy as np
import processes
import pytest

from recipes import classify, mnist_softmax
from tfcourse import choices, datasets, models, optimizers
from tfcourse.command_line import model_size
from tfcourse.system import machine, out_of_memory


@pytest.fixture
def little(monkeypatch):
    """A machine without a GPU and with 1 MiB of free memory."""
    monkeypatch.setattr(machine, "available_bytes", lambda: 1 << 20)
    monkeypatch.setattr(model_size, "_may_have_gpu", lambda: False)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("hidden_units", [(5,), (7, 4, 2)])
def test_weights_are_counted_as_keras_counts_them(hidden_units, outputs):
    counted = choices.MODELS["batch_norm_mlp"].num_weights(12, outputs, hidden_units, dropout=0.1)
    model = models.batch_norm_mlp((3, 4), outputs, hidden_units, dropout=0.1)
    assert counted == sum(np.prod(weight.shape) for weight in model.trainable_variables)


@pytest.mark.parametrize("name", choices.OPTIMIZERS)
def test_slots_are_those_that_an_optimizer_makes(name):
    optimizer = optimizers.OPTIMIZERS[name](0.1)
    optimizer.build([keras.Variable(np.zeros(3, np.float32))])
    slots = [variable for variable in optimizer.variables if variable.shape == (3,)]
    assert choices.OPTIMIZERS[name].slots == len(slots)


def test_what_can_not_fit_is_refused_with_the_numbers(little):
    values = mnist_softmax.MnistSoftmax(hidden_units=(100_000,), optimizer="momentum")
    with pytest.raises(
        out_of_memory.OutOfMemoryError,
        match="training batch_norm_mlp of 400,001 weights takes at least 4 MiB, and 1 MiB are free",
    ):
        model_size.check(values)


@pytest.mark.parametrize(
    "changes", [{"model": "softmax_regression"}, {"model": "small_cnn"}, {"hidden_units": (9,)}]
)
def test_what_may_fit_passes(little, changes):
    digits = datasets.load("digits")
    values = mnist_softmax.MnistSoftmax(**{"hidden_units": (100_000,), **changes})
    model_size.check(values)
    model_size.check(values, digits)


def test_a_machine_with_a_gpu_is_not_judged_by_its_host(little, monkeypatch):
    monkeypatch.setattr(model_size, "_may_have_gpu", lambda: True)
    model_size.check(mnist_softmax.MnistSoftmax(hidden_units=(100_000,)))


def test_a_model_that_the_data_settles_is_judged_by_it(little):
    images, labels = np.eye(20, 100, dtype=np.float32), np.arange(20) % 2
    table = datasets.from_arrays((images, labels))
    values = classify.Classify(hidden_units=(700,))
    model_size.check_settled(values, classify.settled_model, None)
    with pytest.raises(out_of_memory.OutOfMemoryError, match="batch_norm_mlp of 72,802 weights"):
        model_size.check_settled(values, classify.settled_model, table)


RUN = """
import runpy, sys
sys.modules["tensorflow"] = None
recipe, *sys.argv[1:] = sys.argv[1:]
runpy.run_module(recipe, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("recipe", ["mnist_softmax", "classify"])
def test_it_is_told_before_tensorflow_is_imported_and_nothing_is_left(recipe, tmp_path):
    table = tmp_path / "table.csv"
    rows = (f"{row % 7 / 3},{row % 3},{'ab'[row % 2]}\n" for row in range(60))
    table.write_text("x,y,label\n" + "".join(rows))
    dataset = "mnist" if recipe == "mnist_softmax" else f"csv:{table}"
    label = ["--label=label"] if recipe == "classify" else []
    folder = tmp_path / "run"
    flags = (f"--dataset={dataset}", "--hidden_units=100000000000", f"--run_dir={folder}")
    done = processes.python("-c", RUN, f"recipes.{recipe}", *flags, *label)
    assert done.returncode == 7, done.stderr
    *_, error = done.stderr.splitlines()
    assert error.startswith("error: out of memory: training batch_norm_mlp of ")
    assert not folder.exists()

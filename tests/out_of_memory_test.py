import errno
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes import mnist_softmax
from tfcourse import datasets, training
from tfcourse.command_line import exit_codes
from tfcourse.system import machine, out_of_memory
from tfcourse.tuning import journal, sweeps, trial
from tfcourse.tuning import space as search_space
from tfcourse.tuning.settings import settings_of
from tfcourse.tuning.task import Plan, task_of

XLA = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 40000000000 bytes."
GPU = "OOM when allocating tensor with shape[64,1000000000] on /device:GPU:0 by allocator GPU_0_bfc"
OUT = [
    MemoryError(),
    np._core._exceptions._ArrayMemoryError((9,), np.dtype("f4")),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    tf.errors.ResourceExhaustedError(None, None, GPU),
    tf.errors.InternalError(None, None, XLA),
    out_of_memory.OutOfMemoryError("out of memory: 5 MiB"),
]


@pytest.mark.parametrize("error", OUT, ids=lambda error: type(error).__name__)
def test_memory_that_is_out_has_an_exit_code_and_a_sentence(error):
    assert exit_codes.code(error) == 7
    text = exit_codes._message(error)
    assert text.startswith("error: out of memory")
    assert "bug" not in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    "error",
    [
        ValueError("Out of memory"),
        OSError(errno.ENOSPC, "x"),
        tf.errors.InternalError(None, None, "x"),
    ],
)
def test_other_errors_are_none(error):
    assert not out_of_memory.is_out_of_memory(error)
    assert exit_codes.code(error) != 7


def test_the_sentence_says_where():
    assert "the GPU has" in out_of_memory.sentence(
        tf.errors.ResourceExhaustedError(None, None, GPU)
    )
    assert "the host has" in out_of_memory.sentence(MemoryError())


@pytest.fixture
def little(monkeypatch):
    """A machine with 2 MiB of free memory."""
    monkeypatch.setattr(machine, "available_bytes", lambda: 2 << 20)


def test_a_variable_that_does_not_fit_is_refused_before_it_takes_memory():
    with (
        pytest.raises(
            out_of_memory.OutOfMemoryError, match=r"wide/kernel takes 2,\d+,\d+ MiB, and"
        ),
        training.within_memory(),
    ):
        keras.Sequential([keras.Input((784,)), keras.layers.Dense(10**9, name="wide")])


def test_a_slot_that_does_not_fit_is_refused(little, monkeypatch):
    kernel = keras.Variable(np.zeros((700, 1000), np.float32))
    optimizer = keras.optimizers.Adam()
    with (
        pytest.raises(out_of_memory.OutOfMemoryError, match="2 MiB are free"),
        training.within_memory(),
    ):
        optimizer.build([kernel])


def test_what_fits_is_made_as_ever(little):
    with training.within_memory():
        model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(1000)])
    assert model.count_params() == 11_000


def test_a_step_that_does_not_fit_is_refused(little):
    digits = datasets.load("digits")
    values = mnist_softmax.MnistSoftmax(hidden_units=(400,), batch_size="full")
    with pytest.raises(out_of_memory.OutOfMemoryError, match="a step of 1257 examples takes at"):
        mnist_softmax.train(values, digits, 1)


@pytest.mark.parametrize("error", OUT, ids=lambda error: type(error).__name__)
def test_a_trial_without_memory_is_infeasible_and_no_fault_of_the_machine(
    error, tmp_path, monkeypatch
):
    def train(*arguments, **named):
        raise error

    module = types.SimpleNamespace(train=train, MnistSoftmax=mnist_softmax.MnistSoftmax)
    monkeypatch.setattr(trial.importlib, "import_module", lambda name: module)
    base = mnist_softmax.MnistSoftmax(epochs=1)
    space = search_space.space_of(base, {"beta_1": "0:0.9"}, set())
    settings = settings_of(mnist_softmax.train, base, space, dataset="digits", trials=2)
    values = base.all_texts()
    point = sweeps.Trial(0, {}, {}, 0, {}, {}, 0)
    outcome = trial.run(task_of(settings, point, values, 0, tmp_path / "0", Plan()))
    assert outcome.fault is None
    assert outcome.result.status == sweeps.INFEASIBLE
    assert outcome.result.reason.startswith("out of memory: ")
    assert journal.line_of([{"reason": outcome.result.reason}])

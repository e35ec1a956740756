# ruff: noqa: N802, N815
"""What differs where there is a GPU.

Most of it is tested with the question for one answered by the test. What needs a real one skips
without, saying so; `benchmarks/gpu.py` checks whole commands there.
"""

import ctypes
import os
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import gpu as gpu_checks
from tfcourse import datasets, models, training
from tfcourse.run_directory import environment
from tfcourse.system import devices, nvidia, out_of_memory, quiet_import
from tfcourse.training import evaluation, memory, preparation
from tfcourse.training.compilation import steps, traced

DIGITS = datasets.load("digits").smaller(200)
NO_GPU = "there is no GPU here"


@pytest.fixture
def pretended(monkeypatch):
    """TensorFlow says that there is a GPU; nothing runs on it."""
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [f"{kind}:0"])
    device = types.SimpleNamespace(name="/physical_device:GPU:0")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [device])
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", lambda device: {"current": 0})
    monkeypatch.setattr(memory, "_most", 0)


@pytest.fixture
def little(pretended, monkeypatch):
    """A GPU of which 4 MiB are free."""
    monkeypatch.setattr(nvidia, "free_bytes", lambda: 4 << 20)


def test_memory_is_taken_as_it_is_needed(monkeypatch):
    grown = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda *gpu_and_on: grown.append(gpu_and_on)
    )
    monkeypatch.setattr(quiet_import, "compute_exactly", lambda: grown.append("exactly"))
    monkeypatch.setattr(quiet_import, "pin_kernels", lambda: grown.append("pinned"))
    quiet_import.import_tensorflow()
    assert grown == [("GPU:0", True), ("GPU:1", True), "pinned", "exactly"]


def pooling_only():
    layers = [keras.Input((8, 8, 1)), keras.layers.MaxPooling2D(), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(10)])


@pytest.mark.xla
@pytest.mark.parametrize(("kinds", "expected"), [([], [True, False, True]), (["GPU"], [1, 0, 0])])
def test_xla_compiles_no_convolutions_and_on_a_gpu_no_max_pooling(monkeypatch, kinds, expected):
    monkeypatch.setattr(
        tf.config, "list_logical_devices", lambda kind: [kind] if kind in kinds else []
    )
    networks = models.batch_norm_mlp((8, 8, 1), 10), models.small_cnn((8, 8, 1), 10), pooling_only()
    assert [steps.compiles_with_xla(network) for network in networks] == expected


class Pooled(keras.layers.Layer):
    """Its operation shows only when it is traced."""

    def call(self, images):
        return keras.ops.max_pool(images, 2)


@pytest.mark.parametrize("on_gpu", [False, True])
def test_a_gradient_of_max_pooling_is_found_in_what_is_traced(monkeypatch, on_gpu):
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), Pooled(), keras.layers.Flatten(), keras.layers.Dense(10)]
    )

    def gradient(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(images) ** 2)
            tape.watch(images)
        return tape.gradient(loss, model.trainable_variables), images

    def pooled(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(model(images))
        return tape.gradient(loss, images)

    monkeypatch.setattr(traced, "on_cpu", lambda: not on_gpu)
    spec = tf.TensorSpec([2, 8, 8, 1])
    assert traced.is_left(tf.function(pooled).get_concrete_function(spec).graph) == on_gpu
    assert not traced.is_left(tf.function(gradient).get_concrete_function(spec).graph)


def test_gpus_share_batches_where_there_are_some(monkeypatch):
    names = {"GPU": ["/GPU:0", "/GPU:1"], "CPU": ["/CPU:0"]}
    chosen = []
    monkeypatch.setattr(
        tf.config,
        "list_logical_devices",
        lambda kind: [tf.config.LogicalDevice(name, kind) for name in names[kind]],
    )
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", chosen.append)
    devices.strategy("mirrored")
    assert chosen == [["/GPU:0", "/GPU:1"]]
    assert devices.strategy("none") is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "--xla_gpu_deterministic_ops=true"),
        ("--xla_dump_to=x", "--xla_dump_to=x --xla_gpu_deterministic_ops=true"),
        ("--xla_gpu_autotune_level=4", "--xla_gpu_autotune_level=4"),
        ("--xla_gpu_deterministic_ops=false", "--xla_gpu_deterministic_ops=false"),
    ],
)
def test_xla_is_told_to_take_the_same_kernels_unless_the_user_says_which(
    pretended, monkeypatch, given, expected
):
    monkeypatch.setenv("XLA_FLAGS", given)
    training.set_seed(1)
    assert os.environ["XLA_FLAGS"] == expected
    assert environment._VARIABLES[2] == "XLA_FLAGS"  # So a resumed run tells of another one.


def test_without_a_gpu_xla_is_told_nothing(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    quiet_import.pin_kernels()
    assert "XLA_FLAGS" not in os.environ


def test_float32_is_no_tf32_and_that_is_told_and_recorded(pretended, monkeypatch, capsys):
    exact = []
    switch = "enable_tensor_float_32_execution"
    monkeypatch.setattr(tf.config.experimental, switch, exact.append)
    training.set_precision("float32")
    assert exact == [False]
    details = {"device_name": "A GPU"}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details)
    monkeypatch.setattr(nvidia, "driver_version", lambda: 12040)
    for enabled in (False, True):
        preparation._say.cache_clear()
        monkeypatch.setattr(
            tf.config.experimental, "tensor_float_32_execution_enabled", lambda on=enabled: on
        )
        preparation.tell_of_device()
        assert ("in TF32 (10" in capsys.readouterr().out) == enabled
        record = environment.environment()
        assert record["tensor_float_32"] == enabled
        assert (record["device"], record["why_no_gpu"]) == ("A GPU", None)
        assert (record["gpus"], record["cuda_driver"]) == (["A GPU"], 12040)


def test_a_model_that_does_not_fit_is_refused_with_the_gpus_number(little):
    with (
        pytest.raises(out_of_memory.OutOfMemoryError, match="and 4 MiB are free on the GPU"),
        training.within_memory(),
    ):
        keras.Sequential([keras.Input((784,)), keras.layers.Dense(10_000)])
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10_000)])
    with pytest.raises(out_of_memory.OutOfMemoryError, match="a step of 1000 examples"):
        memory.check_step(model, 1000)


def test_where_nobody_tells_the_memory_nothing_is_refused(pretended, monkeypatch):
    monkeypatch.setattr(nvidia, "free_bytes", lambda: None)
    assert memory.fits(np.zeros(1 << 20))


def test_what_tensorflow_holds_unused_counts_as_free(pretended, monkeypatch):
    free, used = [10 << 20], [0]
    monkeypatch.setattr(nvidia, "free_bytes", lambda: free[0])
    monkeypatch.setattr(
        tf.config.experimental, "get_memory_info", lambda device: {"current": used[0]}
    )
    assert memory._free() == 10 << 20
    free[0], used[0] = 2 << 20, 1 << 20
    assert memory._free() == 9 << 20


def test_data_that_does_not_fit_is_streamed_and_says_so(little, capsys):
    data = datasets.Dataset(
        **{
            **vars(DIGITS),
            "train": datasets.Split(np.zeros((20_000, 8, 8, 1), "f4"), np.zeros(20_000)),
        }
    )
    assert not memory.data_fits(data)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("The data takes 5 MiB, more than half of the 4 MiB that are free on the")
    assert memory.data_fits(DIGITS)


def test_without_room_on_the_device_the_numbers_are_the_same(monkeypatch):
    def trained():
        training.set_seed(1)
        model = models.softmax_regression((8, 8, 1), 10)
        training.compile_classifier(model, keras.optimizers.SGD(0.1))
        model.jit_compile = False
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(steps, "compiles_with_xla", lambda model: False)
            training.fit(
                model, DIGITS, epochs=2, batch_size=32, seed=1, tensorboard=False, verbose=0
            )
        evaluated = training.evaluate(model, DIGITS.test)
        return evaluated, training.predict(model, DIGITS.test.features), model.get_weights()

    before = trained()
    monkeypatch.setattr(memory, "fits", lambda *arrays: False)
    monkeypatch.setattr(memory, "data_fits", lambda data: False)
    monkeypatch.setattr(evaluation, "_PART", 7)
    after = trained()
    assert after[0] == pytest.approx(before[0], rel=1e-5)
    np.testing.assert_allclose(after[1], before[1], rtol=1e-5, atol=1e-6)
    for one, other in zip(before[2], after[2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_data_that_tensorflow_could_not_copy_is_out_of_memory():
    text = "Failed copying input tensor: Dst tensor is not initialized."
    error = tf.errors.InternalError(None, None, text)
    assert out_of_memory.is_out_of_memory(error)
    assert "the GPU has no memory left" in out_of_memory.sentence(error)


class Driver:
    """Answers as NVIDIA's libraries do."""

    def __init__(self, code=0, count=1, free=0, error=b"CUDA_ERROR_NO_DEVICE"):
        self.code, self.count, self.free, self.error = code, count, free, error
        self.contexts = 0

    def cuInit(self, flags):
        return self.code

    def cuGetErrorName(self, code, name):
        name._obj.value = self.error

    def cuDeviceGetCount(self, count):
        count._obj.value = self.count
        return 0

    nvmlDeviceGetCount_v2 = cuDeviceGetCount

    def nvmlInit_v2(self):
        return self.code

    def cuDriverGetVersion(self, version):
        version._obj.value = 12040
        return self.code

    def cuDeviceGet(self, device, number):
        return 0

    def cuDevicePrimaryCtxRetain(self, context, device):
        self.contexts += 1
        return 0

    def cuDevicePrimaryCtxRelease_v2(self, device):
        self.contexts -= 1

    def cuCtxPushCurrent_v2(self, context):
        return 0

    cuCtxPopCurrent_v2 = cuCtxPushCurrent_v2

    def cuMemGetInfo_v2(self, free, total):
        free._obj.value = self.free
        return 0


@pytest.fixture
def driver(monkeypatch):
    """Returns a function that puts a `Driver` in the place of NVIDIA's libraries."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def use(**answers):
        found = Driver(**answers)
        monkeypatch.setattr(ctypes, "CDLL", lambda name: found)
        return found

    return use


def test_why_there_is_no_gpu_is_told(driver, monkeypatch):
    assert "built without CUDA" in nvidia.why_none(False)
    driver(code=100)
    assert nvidia.why_none(True) == "the NVIDIA driver says CUDA_ERROR_NO_DEVICE (CUDA error 100)"
    driver(code=999, error=None)
    assert nvidia.why_none(True) == "the NVIDIA driver says an error (CUDA error 999)"
    driver(count=0)
    assert nvidia.why_none(True) == "the NVIDIA driver finds none"
    driver()
    assert 'pip install "tensorflow[and-cuda]"' in nvidia.why_none(True)
    for hidden in ("", "-1", "-1,0"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert nvidia.why_none(True) == f"CUDA_VISIBLE_DEVICES={hidden!r} hides them"


def test_without_a_driver_there_is_nothing_to_tell(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert nvidia.why_none(True).startswith("there is no NVIDIA driver (libcuda.so.1: cannot")
    assert nvidia.free_bytes() is nvidia.driver_version() is None
    nvidia.take_one(3)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_cusolver_is_loaded_from_pips_folder_where_there_is_a_driver(monkeypatch, tmp_path):
    folder = tmp_path / "nvidia" / "cusolver" / "lib"
    folder.mkdir(parents=True)
    for name in ("libcusolver.so.11", "libcusolverMg.so.11"):
        (folder / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    loaded = []
    monkeypatch.setattr(ctypes, "CDLL", loaded.append)
    nvidia.load_cusolver()
    assert loaded == ["libcuda.so.1", str(folder / "libcusolver.so.11")]

    def missing(name):
        loaded.append(name)
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    nvidia.load_cusolver()
    assert loaded[2:] == ["libcuda.so.1"]


def test_free_memory_is_asked_and_the_context_given_back(driver):
    found = driver(free=123)
    assert nvidia.free_bytes() == 123
    assert found.contexts == 0
    assert nvidia.driver_version() == 12040
    driver(code=100)
    assert nvidia.free_bytes() is nvidia.driver_version() is None


@pytest.mark.parametrize(
    ("visible", "count", "expected"),
    [(None, 3, "1"), ("4,7", 0, "4"), ("5", 0, "5"), (None, 1, None), (None, 0, None)],
)
def test_workers_take_the_gpus_in_turn(driver, monkeypatch, visible, count, expected):
    driver(count=count)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # Put back at the end.
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    nvidia.take_one(4)
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == expected


def test_the_script_tells_what_passed_failed_and_could_not_run(tmp_path, monkeypatch, capsys):
    def good(machine):
        """One that passes"""
        return "42"

    def bad(machine):
        """One that fails"""
        raise gpu_checks.FailedError("too slow")

    def quick(machine):
        """Speed"""
        return {"small_cnn": {"tfcourse": 1.5}}

    def elsewhere(machine):
        """One that needs a GPU"""
        machine.needs_gpu()

    kinds = ((quick,), (good, bad, elsewhere))
    monkeypatch.setattr(gpu_checks, "KINDS", kinds)
    names = {check.__name__: check for kind in kinds for check in kind}
    monkeypatch.setattr(gpu_checks, "NAMES", names)
    with pytest.raises(SystemExit) as ended:
        gpu_checks.main(["--smoke", f"--out={tmp_path}"])
    assert ended.value.code == 1
    assert "elsewhere: not run, it needs 1 GPU" in capsys.readouterr().out
    page = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "None of this has been run on a GPU yet" in page
    kept = (
        (tmp_path / "gpu.json").read_text(encoding="utf-8").replace('"gpus": []', '"gpus": ["A"]')
    )
    (tmp_path / "gpu.json").write_text(kept, encoding="utf-8")
    with pytest.raises(SystemExit):
        gpu_checks.main(["--page", f"--out={tmp_path}"])
    page = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "| One that passes | passed: 42 |" in page
    assert "| One that fails | failed: too slow |" in page
    assert "| tfcourse | 1.500 |\n| Keras fit, arrays | not run |" in page


def test_the_page_is_what_the_script_writes():
    docs = gpu_checks.pathlib.Path(gpu_checks.__file__).parents[1] / "docs"
    results = docs / "gpu.json"
    found = gpu_checks.json.loads(results.read_text())
    assert (docs / "gpu.md").read_text(encoding="utf-8") == gpu_checks.page(found)


needs_gpu = pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason=NO_GPU)


@needs_gpu
@pytest.mark.parametrize("name", ["batch_norm_mlp", "small_cnn"])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_gpu_trains_to_the_same_bits_again(name, precision):
    def trained():
        training.set_seed(1)
        training.set_precision(precision)
        model = models.MODELS[name](DIGITS.input_shape, 10)
        training.compile_classifier(model, keras.optimizers.Adam(0.01))
        training.fit(model, DIGITS, epochs=5, batch_size=32, seed=1, tensorboard=False, verbose=0)
        training.set_precision("float32")
        return model

    one, other = trained(), trained()
    assert training.evaluate(one, DIGITS.test)["accuracy"] > 0.5
    for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


@needs_gpu
def test_a_gpu_multiplies_in_float32_and_tells_its_memory():
    training.set_precision("float32")
    values = np.random.default_rng(0).normal(size=(256, 256)).astype("f4")
    np.testing.assert_allclose(tf.matmul(values, values), values @ values, atol=1e-3)
    assert 0 < memory._free() < 1 << 40
    assert environment.device()["why_no_gpu"] is None

import gc
import os
import pathlib
import signal
import sys

import hypothesis
import pytest

hypothesis.settings.register_profile("any time", deadline=None)
hypothesis.settings.load_profile("any time")
gc.disable()  # Until all is imported, which leaves hardly any garbage.

# Files whose tests take longest, in that order: begun last, one would keep the suite waiting.
SLOW = (
    *("notebooks_test", "pages_test", "sweep_test", "cluster_test", "optimizers_backends_test"),
    *("types_test", "compile_cache_test", "platforms_test", "replicated_test", "programs_test"),
    "fit_conformance_test",
)


def pytest_collection_modifyitems(items):
    place = {f"{name}.py": number for number, name in enumerate(SLOW)}
    items.sort(key=lambda item: place.get(item.path.name, len(SLOW)))


def pytest_collection_finish():
    # What has been imported stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.enable()
    # A trace makes very many objects and hardly a cycle; to look for some took a tenth of the time.
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    # To compile and optimize takes most of a small training. What is about it, is marked.
    steps = sys.modules.get("tfcourse.training.compilation.steps")
    if steps is None or item.get_closest_marker("xla"):
        return (yield)
    options = sys.modules["tensorflow"].config.optimizer.set_experimental_options
    options({"disable_meta_optimizer": True})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "compiles_with_xla", lambda model: False)
        try:
            return (yield)
        finally:
            options({"disable_meta_optimizer": False})


@pytest.fixture(autouse=True, scope="module")
def _frozen_afterwards():
    # So does what a file has imported and left, such as JAX: Keras collects at every turn.
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _isolated_machine(tmp_path_factory):
    # Nothing of the person who runs the tests is read or written, and no test reaches the
    # network: the proxy is a port that nobody listens on.
    home = tmp_path_factory.mktemp("home")
    closed = "http://127.0.0.1:9"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.setenv("TFDS_DATA_DIR", str(home / "tensorflow_datasets"))
        for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.setenv(variable, closed)
        for variable in ("no_proxy", "NO_PROXY"):
            patch.setenv(variable, "localhost,127.0.0.1")
        yield


@pytest.fixture
def usual_signals():
    """Signals as in a terminal; a test run in the background may ignore some."""
    usual = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def fresh_home(tmp_path, monkeypatch):
    """A home without cache and prepared sets. Its `cache` and `tensorflow_datasets` come later."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(home / "tensorflow_datasets"))
    return home


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """The folder that all processes of this run of the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def mnist_dir():
    """The directory with MNIST's four original files."""
    directory = os.environ.get("TFCOURSE_MNIST_DIR")
    if not directory:
        pytest.skip("TFCOURSE_MNIST_DIR does not name a directory with MNIST's original files.")
    return pathlib.Path(directory)


@pytest.fixture(scope="session")
def _mnist_home(mnist_dir, shared_folder):
    from tfcourse import datasets

    home = shared_folder / "mnist_home"  # The first process prepares it for all.
    home.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.setenv("TFDS_DATA_DIR", str(home / "tensorflow_datasets"))
        datasets.load("mnist", data_dir=mnist_dir)
    return home


@pytest.fixture
def prepared_mnist(_mnist_home, monkeypatch):
    """A home where MNIST was prepared from the original files, once for all tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(_mnist_home / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(_mnist_home / "tensorflow_datasets"))
    return _mnist_home


@pytest.fixture
def shared_programs():
    """Trainings share what was traced, as those of a sweep do, so that the second takes less.

    tests/programs_test.py tests that they come out as alone, to the last bit.
    """
    from tfcourse import training

    with training.shared_programs():
        yield


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """A run directory of recipes.mnist_softmax: an epoch on the digits. It is only read."""
    import trained_runs

    folder = tmp_path_factory.mktemp("runs") / "run"
    trained_runs.train(folder)
    return folder


@pytest.fixture(scope="session")
def table_run(tmp_path_factory):
    """A run directory of a classifier of tables; see `trained_runs.table`. It is only read."""
    import trained_runs

    folder = tmp_path_factory.mktemp("runs") / "table"
    trained_runs.train(folder, trained_runs.table_dataset(), hidden_units=(8,))
    return folder

import json
import os
import sys

import processes
import pytest

from tfcourse import scales
from tfcourse.system import quiet_import


def output_of(program):
    done = processes.python("-c", program, check=True)
    return done.stdout, done.stderr


def test_it_is_silent_imports_only_what_is_used_and_keeps_a_person_s_settings_out(tmp_path):
    program = """
import sys
from tfcourse.system import quiet_import
quiet_import.import_tensorflow()
names = {"keras", "tensorflow", "sklearn", "matplotlib", "jax", "pandas", "IPython"}
print(*sorted(names & set(sys.modules)))
import keras
print(keras.backend.backend(), keras.config.floatx(), keras.config.image_data_format())
import sklearn.base, matplotlib.colors, pandas
found = sklearn.base.BaseEstimator, matplotlib.colors.Colormap, pandas.DataFrame
print(*(each.__name__ for each in found))
"""
    settings = {"backend": "jax", "floatx": "float64", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps({**settings, "epsilon": 0.1}))
    done = processes.python("-c", program, KERAS_HOME=str(tmp_path))
    assert done.stdout.splitlines() == [
        "keras tensorflow",
        "tensorflow float32 channels_last",
        "BaseEstimator Colormap DataFrame",
    ]
    assert done.stderr == ""


def test_a_part_is_as_silent_from_python_as_in_a_program(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)  # What another test has set.
    program = """
import tfcourse
tfcourse.optimizers.Momentum(0.1).build([])
import tensorflow as tf
print(float(tf.reduce_sum(tf.ones(3))))
"""
    assert output_of(program) == ("3.0\n", "")


def test_a_part_is_imported_where_nothing_can_be_held_back(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)

    def no_descriptor(_):
        raise OSError("bad file descriptor")

    monkeypatch.setattr(os, "dup", no_descriptor)
    assert quiet_import.import_part("tfcourse.scales") is scales


def test_what_was_imported_before_stays_for_keras_to_use():
    program = """
import sklearn
from tfcourse.system import quiet_import
quiet_import.import_tensorflow()
import keras
print(issubclass(keras.wrappers.SKLearnClassifier, sklearn.base.BaseEstimator))
"""
    assert output_of(program) == ("True\n", "")


@pytest.mark.parametrize("imported", ["quiet_import.import_tensorflow()", "tfcourse.training.fit"])
def test_nothing_is_collected_during_the_import_but_afterwards(imported):
    program = f"""
import gc
import tfcourse
from tfcourse.system import quiet_import
done = []
gc.callbacks.append(lambda phase, info: done.append(info["generation"]))
{imported}
print(2 in done, gc.isenabled(), gc.get_freeze_count() > 100_000)
gc.disable()
with quiet_import.not_collecting():
    pass
print(gc.isenabled())
"""
    is_program = imported.startswith("quiet_import")  # Only its own process is its to settle.
    assert output_of(program) == (f"False True {is_program}\nFalse\n", "")


def test_another_backend_is_refused():
    program = """
from tfcourse.command_line import exit_codes
with exit_codes.exits():
    from tfcourse.system import quiet_import
    quiet_import.import_tensorflow()
"""
    done = processes.python("-c", program, KERAS_BACKEND="jax")
    assert done.returncode == 5
    assert "KERAS_BACKEND is 'jax'" in done.stderr


def test_a_backend_of_matplotlib_that_there_is_not_ends_nothing():
    program = """
from tfcourse.command_line import exit_codes
with exit_codes.exits():
    from tfcourse import reports
    reports.draw_lines
"""
    done = processes.python("-c", program, MPLBACKEND="module://nowhere.at_all", check=True)
    assert done.stderr == ""
    processes.python("-c", program, MPLBACKEND="nonsense", check=True)


def test_a_failed_import_hides_nothing():
    program = """
import os, sys
sys.modules["keras"] = None
from tfcourse.system import quiet_import
try:
    quiet_import.import_tensorflow()
except ImportError:
    import sklearn
    print(sklearn.__name__)
"""
    assert output_of(program) == ("sklearn\n", "")


@pytest.mark.parametrize("name", ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"])
def test_a_number_of_threads_that_aborts_tensorflow_is_refused(monkeypatch, name):
    monkeypatch.setenv(name, "-3")
    with pytest.raises(quiet_import.BackendError, match=f"{name} is '-3'"):
        quiet_import.import_tensorflow()

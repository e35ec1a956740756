import processes


def output_of(program):
    done = processes.python("-c", program, check=True)
    return done.stdout, done.stderr


def test_it_is_silent_and_imports_nothing_that_is_not_used():
    program = """
import sys
from tfcourse import quiet_import
quiet_import.import_tensorflow()
names = {"keras", "tensorflow", "sklearn", "matplotlib", "jax", "pandas", "IPython"}
print(*sorted(names & set(sys.modules)))
import sklearn.base, matplotlib.figure, pandas
found = sklearn.base.BaseEstimator, matplotlib.figure.Figure, pandas.DataFrame
print(*(each.__name__ for each in found))
"""
    assert output_of(program) == ("keras tensorflow\nBaseEstimator Figure DataFrame\n", "")


def test_what_was_imported_before_stays_for_keras_to_use():
    program = """
import sklearn
from tfcourse import quiet_import
quiet_import.import_tensorflow()
import keras
print(issubclass(keras.wrappers.SKLearnClassifier, sklearn.base.BaseEstimator))
"""
    assert output_of(program) == ("True\n", "")


def test_a_failed_import_hides_nothing():
    program = """
import os, sys
sys.modules["keras"] = None
from tfcourse import quiet_import
try:
    quiet_import.import_tensorflow()
except ImportError:
    import sklearn
    print(sklearn.__name__)
"""
    assert output_of(program) == ("sklearn\n", "")

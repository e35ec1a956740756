"""Optimizers and schedules on Keras's other backends, each in a process of its own."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
TESTS = [HERE / "optimizers_test.py", HERE / "schedules_test.py"]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_rules_and_schedules_pass_the_same_tests(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    # JAX has float64 only where asked for; Keras converts arrays in a way NumPy finds outdated.
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_ENABLE_X64": "1"}
    warnings = "ignore:__array__ implementation:DeprecationWarning"
    result = subprocess.run(
        # There, Keras takes the weight decay, which AdamW has and Adam has not, in float32.
        [sys.executable, "-m", "pytest", "-q", "-W", warnings, "-k", "not adamw", *TESTS],
        cwd=HERE.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-3000:]
    assert " passed" in result.stdout

"""Optimizers and schedules on Keras's other backends, each in a process of its own."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-n", "0"]
# What computes with tensors; which arguments are refused is no matter of the backend.
TESTS = [
    "optimizers_test.py::test_every_step_matches_the_reference_in_float64",
    "optimizers_test.py::test_bfloat16_is_computed_in_float32_and_rounded_when_stored",
    "optimizers_test.py::test_schedule_gives_each_step_its_rate",
    "optimizers_test.py::test_variables_of_any_shape_keep_to_themselves",
    "optimizers_test.py::test_averages_keep_their_value_where_beta_follows_a_schedule",
    "optimizers_test.py::test_sum_of_weights_keeps_its_digits_in_float32",
    "optimizers_test.py::test_revived_optimizer_takes_the_same_steps",
    "schedules_test.py::test_tensor_steps_give_the_same_rates",
    "schedules_test.py::test_python_steps_match_the_reference",
    "schedules_test.py::test_edge_of_every_epoch_is_exact",
]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_rules_and_schedules_pass_the_same_tests(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    # JAX has float64 only where asked for; Keras converts arrays in a way NumPy finds outdated.
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_ENABLE_X64": "1"}
    warnings = "ignore:__array__ implementation:DeprecationWarning"
    result = subprocess.run(
        # There, Keras takes the weight decay, which AdamW has and Adam has not, in float32.
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "0",
            "-W",
            warnings,
            "-k",
            "not adamw",
            *TESTS,
        ],
        cwd=HERE,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-3000:]
    assert " passed" in result.stdout

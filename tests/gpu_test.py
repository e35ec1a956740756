"""What differs where there is a GPU, with the question for one answered by the test."""

import pytest
import tensorflow as tf

from tfcourse import devices, models, quiet_import
from tfcourse.training import steps


def test_memory_is_taken_as_it_is_needed(monkeypatch):
    grown = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda *gpu_and_on: grown.append(gpu_and_on)
    )
    quiet_import.import_tensorflow()
    assert grown == [("GPU:0", True), ("GPU:1", True)]


@pytest.mark.xla
@pytest.mark.parametrize(("kinds", "expected"), [([], [True, False]), (["GPU"], [True, True])])
def test_xla_compiles_convolutions_only_for_a_gpu(monkeypatch, kinds, expected):
    monkeypatch.setattr(
        tf.config, "list_logical_devices", lambda kind: [kind] if kind in kinds else []
    )
    networks = models.batch_norm_mlp((8, 8, 1), 10), models.small_cnn((8, 8, 1), 10)
    assert [steps.compiles_with_xla(network) for network in networks] == expected


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

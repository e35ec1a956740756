"""The memory that a container, a batch job or a limit leaves, as the system's files tell it."""

import resource
import types

import psutil
import pytest

from tfcourse import batching, datasets
from tfcourse.datasets import memory
from tfcourse.system import machine

MIB = 1 << 20
MACHINE = 64 << 30
UNLIMITED = 9223372036854771712  # What version 1 says of no limit.


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Returns a function of `{path: content}` that stands in for /proc and /sys/fs/cgroup."""
    told = types.SimpleNamespace(total=MACHINE, available=MACHINE // 2)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: told)
    monkeypatch.setattr(machine, "_GROUPS_OF_PROCESS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_GROUPS", tmp_path / "groups")

    def write(contents):
        for name, content in contents.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")

    return write


def second_version(folder, limit, used, cache=0):
    return {
        f"groups{folder}/memory.max": limit,
        f"groups{folder}/memory.current": used,
        f"groups{folder}/memory.stat": f"anon 5\ninactive_file {cache}\nfile 7",
    }


def first_version(folder, limit, used, cache=0):
    return {
        f"groups/memory{folder}/memory.limit_in_bytes": limit,
        f"groups/memory{folder}/memory.usage_in_bytes": used,
        f"groups/memory{folder}/memory.stat": f"inactive_file 1\ntotal_inactive_file {cache}",
    }


def test_without_limits_the_machine_counts(system):
    system({"cgroup": "0::/", **second_version("", "max", 10 * MIB)})
    assert machine.available_bytes() == MACHINE // 2
    assert machine.memory_bytes() == MACHINE


@pytest.mark.parametrize(
    "contents",
    [
        {"cgroup": "0::/", **second_version("", 300 * MIB, 150 * MIB, 50 * MIB)},
        {
            "cgroup": "0::/job/step",
            **second_version("/job/step", "max", 10),
            **second_version("/job", 300 * MIB, 150 * MIB, 50 * MIB),
        },
        {
            "cgroup": "0::/job/step",
            **second_version("/job/step", 300 * MIB, 150 * MIB, 50 * MIB),
            **second_version("/job", 900 * MIB, 150 * MIB),
        },
        {
            "cgroup": "4:memory:/docker/0123\n1:cpu:/docker/0123\n0::/",
            **first_version("", 300 * MIB, 150 * MIB, 50 * MIB),
        },
        {
            "cgroup": "4:cpu,memory:/job",
            **first_version("/job", 300 * MIB, 150 * MIB, 50 * MIB),
            **first_version("", UNLIMITED, 150 * MIB),
        },
    ],
    ids=["container", "job above", "job below", "first version", "first version below"],
)
def test_the_least_of_all_limits_counts(system, contents):
    system(contents)
    assert machine.available_bytes() == 200 * MIB
    assert machine.memory_bytes() == 300 * MIB
    assert memory.fits(150 * MIB)
    assert not memory.fits(150 * MIB + 1)
    assert batching.guideline_batch_size(10**6, bytes_per_example=MIB) == 128
    memory.check_fits("a", 100 * MIB, "")
    with pytest.raises(datasets.DataError, match=r"free memory \(100 MiB\)"):
        memory.check_fits("a", 100 * MIB + 1, "")


def test_a_group_that_has_taken_more_than_it_may_leaves_nothing(system):
    system({"cgroup": "0::/", **second_version("", 100 * MIB, 150 * MIB)})
    assert machine.available_bytes() == 0


@pytest.mark.parametrize("line", ["", "0", "a:b", "0::/../..", "x:memory", "0::/\0"])
def test_what_can_not_be_read_limits_nothing(system, line):
    system({"cgroup": line})
    assert machine.available_bytes() == MACHINE // 2


def test_a_limit_on_address_space_counts(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1 << 40, 1 << 40))
    assert machine.available_bytes() < 1 << 40
    used = int(machine._STATM.read_text().split()[0]) * resource.getpagesize()
    monkeypatch.setattr(resource, "getrlimit", lambda which: (used + 100 * MIB, 1 << 40))
    assert 50 * MIB < machine.available_bytes() < 150 * MIB

r"""Checks whether this machine is ready to train, and says how to fix what is not.

    tfcourse doctor

It shows the versions, the device, threads, memory, free disk space, and the folders of data and
caches. It needs no network and trains nothing. The exit code is 1 if there is a problem.
"""

import dataclasses
import importlib.metadata
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterator

from packaging.requirements import Requirement

import tfcourse
from tfcourse import command_line
from tfcourse.command_line import compile_cache
from tfcourse.datasets import array_cache
from tfcourse.datasets.tfds import prepared
from tfcourse.hyperparameters import Hyperparameters, text
from tfcourse.run_directory import environment
from tfcourse.system import files, machine, quiet_import

_MIN_MEMORY, _MIN_DISK = 2 << 30, 1 << 30  # Bytes for a training on MNIST, generously.
# Variables that change how TensorFlow computes, or where it looks for files.
_VARIABLES = (
    *("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "KERAS_", "TFDS_", "XLA_", "TF_XLA", "TF_NUM"),
    *("TF_CONFIG", "TF_ENABLE", "TF_FORCE", "TF_GPU"),
)


@dataclasses.dataclass(frozen=True)
class Doctor(Hyperparameters):
    run_dir: str = text("runs", "Folder in which runs will be written.")


@dataclasses.dataclass(frozen=True)
class Finding:
    """A line of the report, and a problem and its remedy, or ""."""

    name: str
    value: str
    problem: str = ""


class ProblemsError(Exception):
    """There are problems that prevent training."""

    exit_code = 1


def versions() -> Iterator[Finding]:
    """Yields Python, tfcourse and its packages, and the versions that do not fit."""
    found = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] < (3, 14)
    mend = (
        ""
        if fits
        else "tfcourse needs Python 3.11 to 3.13: create a virtual environment with one of these"
    )
    yield Finding("Python", f"{found}, {sys.executable}", mend)
    where = f"{tfcourse.__version__}, {pathlib.Path(tfcourse.__file__).parent}"
    if _version("tfcourse") is None:
        yield Finding("tfcourse", where, "not installed: pip install -e . in its checkout")
        return
    yield Finding("tfcourse", where)
    unfit = []
    for need in requirements():
        version = _version(need.name)
        if version is None or not need.specifier.contains(version, prereleases=True):
            unfit.append(need)
        if version is None:
            yield Finding(need.name, "not installed", f"pip install '{need}'")
        elif need in unfit:
            yield Finding(need.name, version, f"not {need.specifier}: pip install '{need}'")
        elif need.name in ("tensorflow", "keras", "numpy"):
            yield Finding(need.name, version)
    if not unfit:
        yield Finding("other packages", "all installed, in supported versions")
    extras = ", ".join(sorted(installed_extras())) or "none"
    yield Finding("extras", f"{extras} (pip install 'tfcourse[NAME]' adds one)")


def requirements(extra: str = "") -> list[Requirement]:
    """Returns the requirements of the installed project, or of one of its extras.

    Raises:
        PackageNotFoundError: the project is not installed.
    """
    needs = map(Requirement, importlib.metadata.requires("tfcourse") or ())
    found = []
    for need in needs:
        always = need.marker is None or need.marker.evaluate({"extra": ""})
        if always if not extra else need.marker and need.marker.evaluate({"extra": extra}):
            found.append(need)
    return found


def installed_extras() -> list[str]:
    """Returns the extras whose packages are all installed."""
    names = importlib.metadata.metadata("tfcourse").get_all("Provides-Extra") or []
    return [name for name in names if all(_version(need.name) for need in requirements(name))]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def computing() -> Iterator[Finding]:
    """Yields whether TensorFlow starts, its device, and its number of threads."""
    try:
        quiet_import.import_tensorflow()
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        mend = "Install it again: pip install --force-reinstall tensorflow"
        mend = "Correct that" if isinstance(error, quiet_import.BackendError) else mend
        yield Finding("TensorFlow", "does not start", f"{type(error).__name__}: {reason}. {mend}")
        return
    yield Finding("device", environment.device_text())
    threads = environment.settings_of_libraries()["intra_op_threads"]
    yield Finding("threads", f"{threads} per operation, on {machine.num_cores()} cores")


def room(run_dir: pathlib.Path) -> Iterator[Finding]:
    """Yields the memory, and the folders that are written to, with their free space."""
    free, whole = machine.available_bytes(), machine.memory_bytes()
    mend = f"less than {_size(_MIN_MEMORY)} are free: close other programs"
    value = f"{_size(free)} free of {_size(whole)}"
    yield Finding("memory", value, mend if free < _MIN_MEMORY else "")
    yield _folder("runs", run_dir, "give another --run_dir")
    yield _folder("data sets", prepared.default_directory(), "set TFDS_DATA_DIR to another folder")
    yield _folder("cache", array_cache.directory(), "set XDG_CACHE_HOME to another folder")
    yield _folder("programs", compile_cache.directory(), "set XDG_CACHE_HOME to another folder")


def _folder(name: str, path: pathlib.Path | None, other: str) -> Finding:
    if path is None:
        return Finding(name, "nowhere", f"there is no home folder: {other}")
    path = path.absolute()
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    new = "" if there == path else ", does not exist yet"
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(name, f"{path}{new}", f"can't be written ({error.strerror}): {other}")
    mend = f"less than {_size(_MIN_DISK)} are free: make room, or {other}"
    return Finding(name, f"{path}{new}, {_size(free)} free", mend if free < _MIN_DISK else "")


def data() -> Iterator[Finding]:
    """Yields whether MNIST is available, or which data replaces it without a network."""
    folder = prepared.default_directory()
    is_there = folder is not None and (folder / "mnist").is_dir()
    value = (
        "prepared"
        if is_there
        else "not downloaded yet: the first run downloads 12 MB, or uses digits"
    )
    yield Finding("MNIST", value)
    given = [f"{n}={os.environ[n]}" for n in sorted(os.environ) if n.startswith(_VARIABLES)]
    yield Finding("variables", " ".join(given) or "none that matter")


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"


def main(doctor: Doctor) -> None:
    found = [*versions(), *data(), *room(files.expanded(doctor.run_dir)), *computing()]
    width = max(len(finding.name) for finding in found)
    for finding in found:
        print(f"{finding.name:{width}}  {finding.value}")
    problems = [finding for finding in found if finding.problem]
    for finding in problems:
        print(f"\nPROBLEM  {finding.name}: {finding.problem}")
    if problems:
        raise ProblemsError(f"{len(problems)} of these lines show a problem")
    print("\nNo problem found.")


if __name__ == "__main__":
    command_line.run_tool(main, Doctor)

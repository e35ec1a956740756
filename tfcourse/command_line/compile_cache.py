"""A cache of programs compiled by XLA, for the next run.

XLA itself can keep programs in a folder that TF_XLA_FLAGS names, but trusts its content: an
incomplete file ends the training, and a file for another processor, or from another user, does
worse. So each run gets its own folder, with links to programs that were checked, and moves the
programs that it compiled to the cache at its end. The name of a cached program ends in its SHA-256.
"""

import concurrent.futures
import contextlib
import hashlib
import importlib.metadata
import os
import pathlib
import platform
import re
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator

from absl import logging

from tfcourse.datasets import array_cache
from tfcourse.system import files, machine

MAX_BYTES = 32 * 2**20  # About a hundred programs, which are checked quickly.
_VERSIONS = ("2.20.", "2.21.")  # TensorFlow does not start with a flag that it does not know.
_KEPT = re.compile(r"(?P<name>[\w.]+\.pb)\.(?P<sha256>[0-9a-f]{64})")
_LEFT_SECONDS = 86400.0  # A run that began a day ago has read its files.
# Variables that change XLA's code for the same program.
_VARIABLES = ("XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS")


@contextlib.contextmanager
def kept(import_tensorflow: Callable[[], object]) -> Iterator[None]:
    """Context: XLA uses programs of earlier runs, and programs that it compiles inside are kept.

    If the folder can't be used, or others may write to it, XLA compiles as usual.

    Args:
        import_tensorflow: function that imports TensorFlow, which then reads its flags.
    """
    version = importlib.metadata.version("tensorflow")
    given = os.environ.get("TF_XLA_FLAGS", "")
    is_known = version.startswith(_VERSIONS) and "persistent_cache" not in given
    is_known &= hasattr(os, "geteuid")  # Windows has no such ids.
    with contextlib.ExitStack() as stack:
        folder = own = None
        if is_known and "tensorflow" not in sys.modules:
            try:
                folder = _folder(version)
                own = stack.enter_context(files.new_folder(folder / "run")) if folder else None
            except OSError as error:
                logging.warning("No compiled programs are kept: %s", error)
        with _told(given, own), concurrent.futures.ThreadPoolExecutor(1) as pool:
            # XLA reads the folder when it compiles for the first time.
            laid_out = pool.submit(_lay_out, folder, own) if folder and own else None
            import_tensorflow()
        if laid_out and (failure := laid_out.exception()):
            logging.warning("Not all compiled programs are kept: %s", failure)
        yield
        if folder and own:
            with contextlib.suppress(OSError):
                _hand_in(own, folder)


def directory() -> pathlib.Path | None:
    """Returns the folder of the programs, or `None` if there is no home folder."""
    arrays = array_cache.directory()
    return arrays.with_name("programs") if arrays else None


def _folder(version: str) -> pathlib.Path | None:
    """Returns the folder for this TensorFlow, this processor and these settings."""
    base = directory()
    if base is None:
        return None
    base.parent.mkdir(parents=True, exist_ok=True)
    for path in (base, base / _key(version)):
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        is_mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not is_mine or found.st_mode & 0o022:
            logging.warning("%s must be your own folder, and closed to others' writing.", path)
            return None
    return path


def _key(version: str) -> str:
    told: list[object] = [version, platform.machine(), machine.num_cores()]
    told += map(os.environ.get, _VARIABLES)
    found = machine.processor()
    told += [found.get("model name"), found.get("flags")]
    if not found:  # Machines may have different processors.
        told.append(platform.node())
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _lay_out(folder: pathlib.Path, own: pathlib.Path) -> None:
    """Links the intact entries of `folder` into `own`; removes damaged and temporary files."""
    for path, _ in files.leftovers(folder):
        if path != own and time.time() - path.stat().st_mtime > _LEFT_SECONDS:
            files.remove(path)
    for path in folder.iterdir():
        if found := _KEPT.fullmatch(path.name):
            if path.is_file() and not path.is_symlink() and files.sha256(path) == found["sha256"]:
                _link(path, own / found["name"])
            else:
                files.remove(path)


def _link(path: pathlib.Path, name: pathlib.Path) -> None:
    try:
        os.link(path, name)
    except OSError:  # Not every file system has hard links.
        shutil.copyfile(path, name)


@contextlib.contextmanager
def _told(given: str, own: pathlib.Path | None) -> Iterator[None]:
    """Adds the folder `own` to TF_XLA_FLAGS, for this process only."""
    if own is None or re.search(r"[\s\"']", str(own)):  # The variable has no quoting.
        yield
        return
    flags = ("directory", str(own)), ("device_types", "CPU")
    told = (f"--tf_xla_persistent_cache_{name}={value}" for name, value in flags)
    os.environ["TF_XLA_FLAGS"] = " ".join([given, *told]).strip()
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("1", "2"):  # Set by JAX or by tfcourse.
        # Reading an entry logs two false errors; real errors are raised anyway.
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        yield
    finally:
        if given:
            os.environ["TF_XLA_FLAGS"] = given
        else:
            del os.environ["TF_XLA_FLAGS"]


def _hand_in(own: pathlib.Path, folder: pathlib.Path) -> None:
    """Moves new programs from `own` to `folder`; removes the oldest if there are too many."""
    before = {_KEPT.sub(r"\g<name>", path.name) for path in folder.iterdir()}
    for path in own.iterdir():
        if path.name not in before and path.stat().st_size <= MAX_BYTES:
            data = path.read_bytes()
            name = f"{path.name}.{hashlib.sha256(data).hexdigest()}"
            if _KEPT.fullmatch(name):
                files.write_file(folder / name, data, durable=False)
    every = [path for path in folder.parent.glob("*/*") if _KEPT.fullmatch(path.name)]
    every.sort(key=lambda path: path.stat().st_mtime)
    size = sum(path.stat().st_size for path in every)
    while size > MAX_BYTES:
        oldest = every.pop(0)
        size -= oldest.stat().st_size
        oldest.unlink(missing_ok=True)

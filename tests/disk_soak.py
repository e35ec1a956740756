"""Whole runs on disks that fill up, or whose power fails. It mounts disks, as root alone may.

    python -m tests.disk_soak --bytes=4096 --every=1

A run is tried on a disk of every size in steps of --bytes, from too small for anything to large
enough; then the disk grows, and the same command has to end with what a run on a large disk ends
with. Then the blocks of a disk are copied before and after each flush and rename of a run, and
once a file counts as written: what the power would have left. On each copy, or each --every-th,
what counted as written has to be there, and the same command to end with the same.

The processes are forked from this one, which has imported TensorFlow and used none of it.
"""

import argparse
import collections
import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf

from recipes import mnist_softmax
from tests.command_soak import outcome
from tfcourse import command_line, reports, run_directory, training
from tfcourse.system import files
from tfcourse.training.checkpoints import saving
from tfcourse.training.compilation import steps

FLAGS = ("--dataset=digits", "--epochs=3", "--hidden_units=16", "--seed=3", "--nocompile_cache")
# No data is allocated on a rename, and only names are in the journal: what a file system may do.
EXT4 = "loop,data=writeback,noauto_da_alloc,commit=300"
_DISK_BYTES = 24 << 20


def run(folder, output, *, asks_for_room=True, patch=lambda: None):
    """Runs the recipe in a process of its own; returns its exit code."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BaseException), open(output, "w", buffering=1) as file:
        sys.stdout = sys.stderr = file
        sys.argv = ["recipes.mnist_softmax", *FLAGS, f"--run_dir={folder}"]
        saving._SAVE_SECONDS = saving._HISTORY_SECONDS = 0.0
        steps.compiles_with_xla = lambda model: False  # It takes most of the time.
        if not asks_for_room:
            run_directory.RunDirectory.check_space = lambda self, num_bytes: None
        patch()
        try:
            command_line.run(
                mnist_softmax.main,
                mnist_softmax.MnistSoftmax,
                dataset="digits",
                build=mnist_softmax.build,
                train=mnist_softmax.train,
            )
        except SystemExit as end:
            file.flush()
            os._exit(end.code)
        except BaseException:
            traceback.print_exc()
    os._exit(1)


@contextlib.contextmanager
def mounted(folder, *arguments):
    """Mounts a disk at `folder`."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *arguments, str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(root, whole, step):
    """Yields (size, exit code, what is wrong) of each disk that was too small, or was not."""
    log = root / "log"
    for asks_for_room in (True, False):
        size, num_fitting = 2 * step, 0
        while num_fitting < 3:
            with mounted(root / "disk", "-t", "tmpfs", "-o", f"size={size}", "tmpfs") as disk:
                code = run(disk / "run", log, asks_for_room=asks_for_room)
                text, left = log.read_text(), [path.name for path in disk.rglob(".*.tmp")]
                wrong = [text[-500:]] if code not in (0, 5) or "bug" in text else []
                wrong += [f"left: {left}"] if left else []
                subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
                wrong += differences(disk / "run", log, whole)
            yield size, code, wrong
            size, num_fitting = size + step, num_fitting + (code == 0)


def differences(folder, log, whole):
    """Runs the same command again; returns in what it ends otherwise than the run `whole`."""
    if run(folder, log, asks_for_room=False):
        return [log.read_text()[-500:]]
    found = outcome(folder)
    return [name for name in whole if found[name] != whole[name]]


def photographed(root):
    """Runs once on a disk; returns `[(its blocks, what happened, digests of what is written)]`."""
    image, taken, disk = root / "image", [], root / "power"
    with open(image, "wb") as file:
        file.truncate(_DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    photographs = root / "photographs"
    photographs.mkdir()

    def patch():
        flush, rename, write_file = os.fsync, os.replace, files.write_file
        written = {}

        def photograph(what):
            name = f"{len(taken):05d}"
            taken.append(name)
            copy = ["cp", "--sparse=always", str(image), str(photographs / f"{name}.blocks")]
            subprocess.run(copy, check=True)
            (photographs / f"{name}.json").write_text(json.dumps([what, written]))

        def flushed(descriptor):
            name = os.readlink(f"/proc/self/fd/{descriptor}")
            if name.startswith(str(disk)):
                photograph(f"before the flush of {name}")
            flush(descriptor)
            if name.startswith(str(disk)):
                photograph(f"after the flush of {name}")

        def renamed(source, target):
            rename(source, target)
            if str(target).startswith(str(disk)):
                photograph(f"after the rename to {target}")

        def whole(path, data, *, durable=True):
            data = data.encode() if isinstance(data, str) else data
            data = data if isinstance(data, bytes) else b"".join(map(bytes, data))
            name = str(pathlib.Path(path).relative_to(disk))
            written.pop(name, None)
            write_file(path, data, durable=durable)
            if durable:
                written[name] = hashlib.sha256(data).hexdigest()
                photograph(f"{name} is written")

        os.fsync, os.replace, files.write_file = flushed, renamed, whole

    with mounted(disk, "-o", EXT4, str(image)):
        assert run(disk / "run", root / "log", patch=patch) == 0, (root / "log").read_text()
    names = sorted(photographs.glob("*.blocks"))
    return [(name, *json.loads(name.with_suffix(".json").read_text())) for name in names]


def restored(root, blocks, written, whole):
    """Returns what is wrong with a run whose disk has these blocks, once it is gone on with."""
    with mounted(root / "power", "-o", EXT4, str(blocks)) as disk:
        checkpoints = sorted(name for name in written if name.endswith(".ckpt"))
        lost = [
            name
            for name, digest in written.items()
            if name not in checkpoints[:-1]  # They may have been removed since.
            and not ((disk / name).exists() and files.sha256(disk / name) == digest)
        ]
        return [f"lost: {lost}"] * bool(lost) + differences(disk / "run", root / "log", whole)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bytes", type=int, default=4096)
    parser.add_argument("--every", type=int, default=1)
    arguments = parser.parse_args()
    assert reports, training  # What the forked processes need is imported.
    assert tf.__version__
    codes, faults = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        assert run(root / "whole", root / "log") == 0, (root / "log").read_text()
        whole = outcome(root / "whole")
        for size, code, wrong in fill(root, whole, arguments.bytes):
            codes[code] += 1
            faults += bool(wrong)
            print(f"{size:,} bytes: exit {code}", *wrong, flush=True)
        taken = photographed(root)
        for blocks, what, written in taken[:: arguments.every]:
            wrong = restored(root, blocks, written, whole)
            faults += bool(wrong)
            print(f"{what}: {'; '.join(wrong) or 'went on'}", flush=True)
    print(f"disks by exit code: {dict(codes)}; {len(taken[:: arguments.every])} power failures")
    print(f"{faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

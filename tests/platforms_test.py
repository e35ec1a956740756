"""What the program needs of a system: no more than Linux, macOS and Windows all have.

There is one machine to test on. `other_system/sitecustomize.py` takes from this project's modules
what Windows has not, and macOS lacks part of that.
"""

import ast
import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import processes
import pytest

from tfcourse import run_directory
from tfcourse.run_directory import best, stopwatch
from tfcourse.system import files, locks, machine, shell, signals
from tfcourse.tuning import folders

ROOT = pathlib.Path(__file__).parents[1]
OTHER_SYSTEM = ROOT / "tests/other_system"
# A home where nothing can be written, and streams and files in other encodings than UTF-8.
HOSTILE = {
    "HOME": os.devnull,
    "PYTHONIOENCODING": "cp1252",
    "LC_ALL": "C",
    "PYTHONCOERCECLOCALE": "0",
    "XDG_CACHE_HOME": "",
}
WORK = """
import sys
from tests.without_xla import sitecustomize  # Here and in the worker.

if __name__ == "__main__":
    from tfcourse.system import quiet_import
    quiet_import.import_tensorflow()  # Without what would take longer than all trainings.
    import numpy as np
    from recipes import mnist_softmax, predict
    from tfcourse import command_line, datasets, tuning

def main_job():
    sys.argv[1:] = ["--dataset=digits", "--model=softmax_regression", "--epochs=2", "--smoke",
                    "--learning_rate=0.1", "--run_dir=runs/A"]
    try:
        command_line.run(
            mnist_softmax.main, mnist_softmax.MnistSoftmax, dataset="digits", smoke={"epochs": 2},
            build=mnist_softmax.build, train=mnist_softmax.train,
        )
    except SystemExit as ended:
        assert not ended.code, ended.code

def sweep():
    base = mnist_softmax.MnistSoftmax(model="softmax_regression", epochs=1)
    found = tuning.search(
        mnist_softmax.train, base, "runs/sweep", dataset="digits", trials=2, workers=1,
        searches={"learning_rate": "1e-3:1:log"},
    )
    assert found.best is not None

if __name__ == "__main__":
    assert not hasattr(sys.modules["tfcourse.system.files"].os, "O_NOFOLLOW"), "no other system"
    main_job()
    sweep()
    images = datasets.load("digits").test.features[:5]
    np.savez("images.npz", x=np.rint(images * 16).astype("uint8"))
    for run in ("runs/sweep", "runs/sweep/best"):
        predict.main(predict.Prediction(
            run_dir=run, input="images.npz", output=f"{run.replace('/', '-')}.csv"
        ))
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder in which a training, a sweep and predictions ran as on Windows."""
    folder = tmp_path_factory.mktemp("Other System")
    (folder / "work.py").write_text(WORK, encoding="utf-8")
    done = processes.python(
        *("-X", "utf8=0", "-X", "warn_default_encoding", "work.py"),
        cwd=folder,
        path=f"{OTHER_SYSTEM}{os.pathsep}{ROOT}",
        # Else matplotlib looks for all fonts again, for several seconds.
        MPLCONFIGDIR=f"{os.environ['XDG_CACHE_HOME']}/matplotlib",
        **HOSTILE,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_a_training_ends_as_everywhere(elsewhere):
    metrics = json.loads((elsewhere / "runs/A/metrics.json").read_text(encoding="utf-8"))
    assert metrics["test_accuracy"] > 0.5
    assert metrics["environment"]["cores"] >= 1
    names = {path.name for path in (elsewhere / "runs/A").iterdir()}
    assert {"model.keras", "weights.arrays", "curves.png", "history.csv", "run.lock"} <= names


def test_a_sweep_names_its_best_run_without_a_link(elsewhere):
    named = elsewhere / "runs/sweep/best"
    assert re.fullmatch(r"trials/0000[01]/0\n", named.read_text(encoding="utf-8"))
    assert (named.parent / named.read_text(encoding="utf-8").strip() / "metrics.json").exists()
    assert (elsewhere / "runs/sweep/report.html").exists()


def test_a_sweep_and_its_best_run_predict(elsewhere):
    rows = [
        (elsewhere / f"runs-sweep{end}.csv").read_text(encoding="utf-8") for end in ("", "-best")
    ]
    assert rows[0] == rows[1]
    assert len(rows[0].splitlines()) == 6


RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])(\..*)?", re.IGNORECASE)


def assert_names_are_for_every_system(paths):
    paths = list(paths)
    folded = {str(path).casefold(): path for path in paths}
    assert len(folded) == len(paths), "two names differ in their case alone"
    odd = [
        p for p in paths if RESERVED.fullmatch(p.name) or re.search(r'[<>:"|?*\\\\]|[. ]$', p.name)
    ]
    assert odd == []


def test_what_is_written_has_names_for_every_system(elsewhere):
    assert_names_are_for_every_system(elsewhere.rglob("*"))


def test_what_is_shipped_has_names_for_every_system():
    shipped = ("tfcourse", "recipes", "configs", "tests", "docs", "notebooks", "benchmarks")
    paths = [path for name in shipped for path in (ROOT / name).rglob("*")]
    assert_names_are_for_every_system(path.relative_to(ROOT) for path in paths)


# What some system has not, and the only modules that use it, with another way where it is missing.
SOME_SYSTEMS = {
    "recipes/evidence.py": {"sched_getaffinity"},
    "tfcourse/system/machine.py": {"resource", "sched_getaffinity"},
    "tfcourse/system/files.py": {"O_DIRECTORY", "pread", "pwrite"},
    "tfcourse/run_directory/best.py": {"symlink_to"},
    "tfcourse/command_line/compile_cache.py": {"geteuid", "link"},
    "tfcourse/run_directory/stopwatch.py": {"CLOCK_BOOTTIME", "clock_gettime", "sysconf"},
    "tfcourse/system/locks.py": {"fcntl", "msvcrt"},
}
NAMES = set().union(*SOME_SYSTEMS.values()) | {
    *("fork", "getuid", "killpg", "mkfifo", "resource", "setsid", "statvfs", "symlink", "uname"),
    *(
        "O_NOFOLLOW",
        "O_NONBLOCK",
        "O_CLOEXEC",
        "SIGHUP",
        "SIGKILL",
        "SIGSTOP",
        "SIGUSR1",
        "SIGXCPU",
    ),
}


@functools.cache
def nodes():
    """Returns `{path below the root: the nodes of its syntax tree}` of the whole package."""
    paths = [path for name in ("tfcourse", "recipes") for path in (ROOT / name).rglob("*.py")]
    return {
        path.relative_to(ROOT).as_posix(): list(ast.walk(ast.parse(path.read_text("utf-8"))))
        for path in paths
    }


def names_in(node):
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {node.module, *(alias.name for alias in node.names)}
    return set()


def test_each_part_of_a_system_is_used_in_one_place():
    found = {path: NAMES & set().union(*map(names_in, n)) for path, n in nodes().items()}
    assert {path: used for path, used in found.items() if used} == SOME_SYSTEMS


def says_no_encoding(node):
    """Returns whether a call opens a text file, or reads a process, in whatever encoding."""
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    owner = getattr(getattr(node.func, "value", None), "id", "")
    said = {keyword.arg for keyword in node.keywords}
    if isinstance(node.func, ast.Name) and name == "open":
        return "encoding" not in said and not any(
            "b" in ast.unparse(mode) for mode in node.args[1:2]
        )
    if isinstance(node.func, ast.Attribute) and name in ("read_text", "write_text"):
        return owner != "files" and "encoding" not in said
    return owner == "subprocess" and "text" in said and "encoding" not in said


def test_text_files_have_an_encoding():
    missing = [
        f"{path}, line {node.lineno}"
        for path, found in nodes().items()
        for node in found
        if says_no_encoding(node)
    ]
    assert missing == []


def test_a_core_is_counted_where_the_system_does_not_say_which(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert machine.num_cores() == os.cpu_count()
    assert 0 < machine.available_bytes() < machine.memory_bytes()


def test_a_process_without_age_has_just_begun(monkeypatch):
    monkeypatch.delattr(stopwatch.time, "CLOCK_BOOTTIME", raising=False)
    assert stopwatch._process_seconds() == 0.0


def test_a_place_in_a_file_is_read_and_written_without_pread(tmp_path, monkeypatch):
    for name in ("pread", "pwrite"):
        monkeypatch.delattr(os, name, raising=False)
    (tmp_path / "file").write_bytes(b"0123456789")
    file = files.open_regular(tmp_path / "file", os.O_RDWR)
    assert files.write_at(file, b"ab", 3) == 2
    assert files.read_at(file, 4, 2) == b"2ab5"
    os.close(file)


def test_a_link_is_not_opened_without_nofollow_either(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_NOFOLLOW", raising=False)
    (tmp_path / "mine").touch()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match="a link, which is not followed"):
        files.open_regular(tmp_path / "link", os.O_RDONLY)


def test_a_file_that_somebody_reads_is_replaced_when_they_are_done(tmp_path, monkeypatch):
    replace, refused = os.replace, [PermissionError(13, "in use")] * 3

    def busy(*paths):
        if refused:
            raise refused.pop()
        replace(*paths)

    monkeypatch.setattr(os, "replace", busy)
    with pytest.raises(PermissionError):  # There, it is a permission.
        files.write_file(tmp_path / "file", "text")
    monkeypatch.setattr(
        files, "os", type("Windows", (), {**vars(os), "name": "nt", "replace": busy})
    )
    files.write_file(tmp_path / "file", "text")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "text"


HOLD = """
import sys
from tfcourse.system import locks
with locks.lock(sys.argv[1]):
    print(flush=True)
    input()
"""
ASK = """
import sys
from tfcourse.system import locks
try:
    with locks.lock(sys.argv[1]): print("free")
except locks.LockedError as owner:
    print(owner, locks.is_locked(sys.argv[1]))
"""


def test_a_lock_of_windows_holds_and_names_its_owner(tmp_path):
    environment = {**os.environ, "PYTHONPATH": f"{OTHER_SYSTEM}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as owner:
        assert owner.stdout.readline()
        for _ in range(2):
            asked = processes.python("-c", ASK, tmp_path / "lock", path=environment["PYTHONPATH"])
            assert asked.stdout.startswith(f"process {owner.pid} on "), asked.stderr
            assert asked.stdout.endswith(" True\n")
        owner.kill()
        owner.wait()
    asked = processes.python("-c", ASK, tmp_path / "lock", path=environment["PYTHONPATH"])
    assert asked.stdout == "free\n", asked.stderr
    assert not locks.is_locked(tmp_path / "lock")


@pytest.mark.parametrize("links", [True, False])
def test_the_best_run_is_named_and_found(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "symlink", lambda *_, **__: (_ for _ in ()).throw(OSError(1, "no")))
    for number in (3, 4):
        (tmp_path / f"trials/0000{number}/0").mkdir(parents=True)
        folders.name_best(tmp_path, number)
        folders.name_best(tmp_path, number)
        folders.check(tmp_path, 5)
        found = best.followed(tmp_path / "best")
        assert found.resolve() == (tmp_path / f"trials/0000{number}/0").resolve()
    assert (tmp_path / "best").is_symlink() == links


@pytest.mark.parametrize("links", [True, False])
def test_no_moment_is_without_a_best_run(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "symlink", lambda *_, **__: (_ for _ in ()).throw(OSError(1, "no")))
    folders.name_best(tmp_path, 3)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        folders.name_best(tmp_path, 4)
    assert best.target(tmp_path / "best") == "trials/00003/0"


def test_what_a_kill_leaves_of_a_new_best_is_removed(tmp_path):
    left = tmp_path / f".best.{'0' * 16}.tmp"
    left.mkdir()
    (left / "best").symlink_to("trials/00004/0")
    with run_directory.open_search(tmp_path):
        assert not left.exists()


@pytest.mark.parametrize("text", ["", "../../etc", "trials/00001/0/..", "trials/1/0", "x" * 1000])
def test_another_file_called_best_names_nothing(tmp_path, text):
    (tmp_path / "best").write_text(text, encoding="utf-8")
    assert best.target(tmp_path / "best") is None
    assert best.followed(tmp_path / "best") == tmp_path / "best"


def test_a_command_is_quoted_as_the_shell_takes_it(monkeypatch):
    words = ["python", r"--run_dir=runs\a b"]
    assert shell.join(words) == r"python '--run_dir=runs\a b'"
    monkeypatch.setattr(shell.os, "name", "nt")
    assert shell.join(words) == r'python "--run_dir=runs\a b"'


def test_a_signal_is_raised_again_and_a_process_killed(monkeypatch):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        for system in (os.name, "nt"):
            monkeypatch.setattr(signals, "os", type("System", (), {**vars(os), "name": system}))
            signals.raise_again(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM] * 2
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        signals.kill(process.pid)
    signals.kill(process.pid)
    signals.kill(None)
    assert process.returncode

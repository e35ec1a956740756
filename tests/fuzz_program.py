"""A recipe's program in this process, its training left out, and hostile command lines for it."""

import contextlib
import io
import os
import pathlib
import re
import signal
import sys
from unittest import mock

from absl import flags
from hypothesis import strategies as st

from recipes.mnist_softmax import MnistSoftmax
from tfcourse import command_line, run_directory
from tfcourse import hyperparameters as hp
from tfcourse.command_line import flag_definitions, program, strategies
from tfcourse.system import quiet_import

RECIPE_FLAGS = tuple(hp.declarations(MnistSoftmax))
OTHER_FLAGS = (
    *("seed", "dataset", "data_dir", "expect", "nudge", "smoke", "run_dir", "timing", "debug"),
    *("help", "find_learning_rate", "strategy", "sweep", "trials", "workers", "replicates"),
    *("generation_size", "pruning", "keep_models", "max_minutes", "search", "fix", "objective"),
    *("confirm", "extend", "scheduler", "trial_resources", "flagfile", "undefok", "h", "nosmoke"),
    *("epoch", "compile_cache", "nocompile_cache", "diagnose"),
)
# Where files are written: only below the working directory.
_FOLDERS = ("out", "out/", "./a/b", "file", "file/x", "", " ", "ü", "\udcff", "n" * 300, "a/" * 40)
_VALUES = (
    *("", " ", "0", "-0", "1", "+1", "-1", "2", "1.5", ".5", "1e-3", "1e30", "1e400", "-1e-400"),
    *("nan", "inf", "-inf", "1_0", "0x10", "٣", "²", "9" * 400, "9" * 5000, "1e" + "9" * 30),
    *("full", "true", "false", "True", "none", "adam", "momentum", "random", "grid", "bayesian"),
    *("hyperband", "mnist", "digits", "mnist,digits", "digits,digits", "mnist:9", "../digits"),
    *("~", "/dev/null", "/dev/zero", "/", "512,256", "512,,256", ",", "=", ":", "::", "\ud800"),
    *("a:0:1", "test_accuracy:0:1", "test_accuracy:0.9:1", "a:nan:1", "0:0:learning_rate=0.1"),
    *("0:0:beta=2", "0:-1:x=1", "9:9:rollback_epoch=1", "learning_rate=1e-4:1:log"),
    *("learning_rate=1:1e-4", "learning_rate=0:1:log", "learning_rate=1e-400:1:log"),
    *("batch_size=32,64", "beta=0.9:1:one_minus_log", "hidden_units=128/256,128", "model=x"),
    *("epochs=1:" + "9" * 400, "epochs=1:9:power_of_two", "beta", "beta=", "=1", "val_loss"),
    *("tcp://127.0.0.1:1", "here", "GPU=1", "GPU", "multi_worker", "mirrored", "\x00", "a\nb"),
)


# Most command lines are nearly right, so that what comes after the first check is reached too.
_GOOD = {
    **{
        name: tuple(map(declaration.format, {getattr(MnistSoftmax(), name), *declaration.choices}))
        for name, declaration in hp.declarations(MnistSoftmax).items()
    },
    "batch_size": ("32", "full"),
    "seed": ("0", "4294967295"),
    "dataset": ("digits", "mnist", "mnist,digits", "fashion_mnist"),
    "data_dir": (".", "/"),
    "expect": ("test_accuracy:0:1", "test_accuracy:0.99:1"),
    "nudge": ("0:0:learning_rate=0.1", "3:7:beta_1=0.5"),
    "sweep": ("none", "random", "grid", "coarse_to_fine", "quasi_random", "hyperband"),
    "trials": ("1", "200", "1000000"),
    "search": ("learning_rate=1e-4:1:log", "epochs=1:9", "hidden_units=128/256,128"),
    "fix": ("beta", "dropout=0.5", "epochs=3"),
    "objective": ("val_loss", "accuracy"),
    "scheduler": ("tcp://127.0.0.1:8786",),
    "trial_resources": ("GPU=1", "GPU=0.5,memory=1e9"),
    "strategy": ("none", "mirrored"),
    "pruning": ("median", "successive_halving"),
    "smoke": ("true", "false"),
    "find_learning_rate": ("true", "false"),
    "diagnose": ("true", "false"),
}


def flag_values():
    return st.one_of(
        st.sampled_from(_VALUES),
        st.text(max_size=20),
        st.integers().map(str),
        st.floats().map(str),
        st.tuples(st.sampled_from(RECIPE_FLAGS), st.sampled_from("=:"), st.text(max_size=9)).map(
            "".join
        ),
    )


@st.composite
def flag_texts(draw):
    """One argument: a flag and a value, or nearly so."""
    name = draw(st.sampled_from((*RECIPE_FLAGS, *OTHER_FLAGS)))
    if name == "run_dir":
        return f"--run_dir={draw(st.sampled_from(_FOLDERS))}"
    if name in _GOOD and draw(st.integers(0, 5)):
        return f"--{name}={draw(st.sampled_from(_GOOD[name]))}"
    dashes = draw(st.sampled_from(("--", "--", "--", "--", "--", "--", "-", "", "---", "--no")))
    equals = draw(st.sampled_from(("=", "=", "=", "=", "=", "=", "", " ", "==")))
    return f"{dashes}{name}{equals}{draw(flag_values())}"


def command_lines():
    # No argument of a program can hold a zero byte.
    arguments = flag_texts().map(lambda text: text.replace("\x00", "0"))
    return st.lists(arguments, max_size=6)


def flagfiles():
    """Contents of a file that includes itself under the name a.flags, and others."""
    lines = st.one_of(
        flag_texts().map(
            lambda text: text.encode(
                "utf-8", "surrogateescape" if "\ud800" not in text else "surrogatepass"
            )
        ),
        st.binary(max_size=30),
        st.sampled_from(
            (b"# comment", b"// comment", b"", b"--flagfile=a.flags", b"--flagfile=missing", b"--")
        ),
    )
    ends = st.sampled_from((b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\x0b", b"\xe2\x80\xa8"))
    starts = st.sampled_from((b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe"))
    texts = st.lists(st.tuples(lines, ends).map(b"".join), max_size=8).map(b"".join)
    return st.tuples(starts, texts).map(b"".join)


def start(arguments):
    """Starts the program; returns its exit code as a text."""
    pathlib.Path("file").touch()
    return _checked(arguments)


def start_with_flagfile(content):
    pathlib.Path("a.flags").write_bytes(content)
    return _checked(["--run_dir=out", "--flagfile=a.flags"])


_RECORDS = ("flags.txt", "metrics.json", "run.lock", "checkpoints", "journal.jsonl")


def run_directories():
    """`{name: content}` of a run directory, most of them nearly right."""
    flags_texts = st.one_of(
        st.binary(max_size=40),
        st.lists(flag_texts(), max_size=4).map(
            lambda texts: "\n".join(texts).encode("utf-8", "surrogatepass")
        ),
        st.sampled_from((b"# But first run it to its end with --epochs=x\n", b"--epochs=20\n")),
    )
    metrics = st.one_of(
        st.binary(max_size=40),
        st.sampled_from((b"{}", b"[]", b"null", b'{"continued_from": 3}', b"[" * 5000)),
        st.sampled_from((b'{"test_accuracy": NaN}', b'{"test_accuracy": "high"}')),
    )
    anything = st.binary(max_size=20)
    contents = {"flags.txt": flags_texts, "metrics.json": metrics}
    return st.fixed_dictionaries(
        {}, optional={name: contents.get(name, anything) for name in _RECORDS}
    )


def start_again(contents):
    folder = pathlib.Path("out")
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return _checked(["--run_dir=out", "--expect=test_accuracy:0:1"])


def _checked(arguments):
    before = _tree()
    code, errors = run_program(arguments)
    message = f"{arguments!r}: exit {code}, {errors}"
    assert code in (0, 1, 2, 3, 5), message
    assert code != 1 or "error: --expect" in errors, message
    # A flagfile may ask for it as well.
    if not re.search("Traceback", errors) or "debug" not in f"{arguments}{_flagfile()}":
        assert "Traceback" not in errors, message
        assert len(errors.splitlines()) <= 3, message
    # Which results there are to expect something of, is known when they are there.
    if code in (2, 3, 5) and "no such result" not in errors:
        assert errors.startswith(("error: ", "Traceback")), message
        assert _tree() == before, f"{message}; written: {set(_tree()) ^ set(before)}"
    return f"exit {code}"


def _flagfile():
    path = pathlib.Path("a.flags")
    return path.read_bytes() if path.exists() else b""


def _tree():
    return {
        str(path): path.read_bytes() if path.is_file() else None
        for path in pathlib.Path().rglob("*")
        if path.name != run_directory.LOCK
    }


def run_program(arguments):
    """Returns the exit code and what was written to standard error."""
    errors = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)
    output = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    signals = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    with (
        mock.patch.object(sys, "argv", ["recipe", *arguments]),
        mock.patch.object(quiet_import, "import_tensorflow", return_value=None),
        mock.patch.object(strategies, "on_devices", contextlib.nullcontext),
        mock.patch.object(program, "_work", _trained),
        mock.patch.dict(os.environ, {"TF_CONFIG": ""}),
        contextlib.redirect_stderr(errors),
        contextlib.redirect_stdout(output),
    ):
        try:
            command_line.run(
                _trained,
                MnistSoftmax,
                dataset="mnist,digits",
                smoke={"dataset": "digits", "epochs": 2},
                build=_trained,
                train=_trained,
            )
        except SystemExit as end:
            return end.code, errors.buffer.getvalue().decode()
        finally:
            _undefine_flags()
            for number, handler in signals.items():
                signal.signal(number, handler)


def _trained(*_):
    return {"test_accuracy": 0.95, "dataset": "digits"}


def _undefine_flags():
    for flag in list(flag_definitions.ours()):
        for name in filter(None, (flag.name, flag.short_name)):
            delattr(flags.FLAGS, name)
    flags.FLAGS.unparse_flags()

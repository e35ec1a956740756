"""flags.txt: the flags of a run, and whether new flags may continue it."""

import pathlib

from tfcourse.system import files

Flags = dict[str, list[str]]  # Each flag's texts, several if it is repeated.

FLAGS = "flags.txt"
MAX_FLAGS_BYTES = 1 << 20  # The limit of flagfiles.
SCHEDULE_DIGEST = "schedule_digest"  # `training.fit` compares it itself.
# These affect where a run writes, how long it takes or what it prints, not its results.
NOT_COMPARED = (
    *("workers", "scheduler", "trial_resources", "trials", "max_minutes", "keep_models"),
    *("confirm", "debug", "timing", SCHEDULE_DIGEST),
)
# Even an extended sweep must keep these: its scores could not be compared otherwise.
_KEPT_IN_A_SWEEP = ("dataset", "seed", "replicates")
_CONTINUED = "# But first run it to its end with --epochs="


class ChangedFlagsError(Exception):
    """The folder holds a run with other flags."""

    exit_code = 2


def settle(
    path: pathlib.Path, flags: Flags, *, begun: bool, finished: bool
) -> tuple[Flags, int | None]:
    """Returns the flags with which a run in the folder `path` continues, given `flags`.

    Args:
        path: the run's folder, new or used.
        flags: those that can affect a result.
        begun: whether the run has results that depend on the flags.
        finished: whether the run is finished.

    Returns:
        The flags, and the number of `epochs` after which a finished run continues, or `None`.

    Raises:
        ChangedFlagsError: the folder's run has other flags.
    """
    before = read(path)
    if before is None:
        return flags, None
    asked = _as_recorded(flags, before)
    changed = _changed(before, asked)
    if changed == ["epochs"] and finished:
        done, wanted = _count(path, before, "epochs"), int(asked["epochs"][0])
        if wanted > done:
            return asked, done
    if not begun:
        return (flags if changed else before), None
    if changed:
        raise ChangedFlagsError(_differences(path, before, asked, changed))
    return before, None


def settle_sweep(
    path: pathlib.Path, flags: Flags, *, begun: bool, extend: bool
) -> tuple[Flags, bool]:
    """Returns the flags with which a sweep in the folder `path` continues, given `flags`.

    Args:
        path, flags: as in `settle`.
        begun: whether the sweep has tried any point.
        extend: whether it may continue with other flags than before.

    Returns:
        The flags, and whether a finished sweep has more to try.

    Raises:
        ChangedFlagsError: the folder's sweep has other flags, or it is not a sweep.
    """
    before = read(path)
    if before is None:
        return flags, False
    changed = _changed(before, flags)
    if not begun and "sweep" in before:
        return flags, True
    kept = [name for name in changed if name in _KEPT_IN_A_SWEEP or "sweep" not in before]
    if changed and (kept or not extend):
        hint = "" if kept else "; `extend` continues with the new flags, and keeps all trials"
        raise ChangedFlagsError(_differences(path, before, flags, changed) + hint)
    before = {"confirm": ["0"], **before}  # Older sweeps lack that flag.
    more = any(int(flags[n][0]) > _count(path, before, n) for n in ("trials", "confirm"))
    return flags, bool(changed) or more


def _count(path: pathlib.Path, before: Flags, name: str) -> int:
    """Returns the recorded flag `name` as an int."""
    text = before.get(name, [""])[0]
    if not (text.isdecimal() and len(text) < 20):
        raise files.ContentError(f"{path / FLAGS} is damaged: {name} is {text[:50]!r}")
    return int(text)


def _changed(before: Flags, asked: Flags) -> list[str]:
    names = [name for name in {**before, **asked} if before.get(name) != asked.get(name)]
    return [name for name in names if name not in NOT_COMPARED]


def _differences(path: pathlib.Path, before: Flags, asked: Flags, changed: list[str]) -> str:
    # If the command line changes flags, --expect is dropped, which is not another change.
    named = [name for name in changed if name != "expect"] or changed
    differences = ", ".join(
        f"`{name}` is {_values(asked, name)}, was {_values(before, name)}" for name in named
    )
    return f"{path} holds a run with other flags: {differences}"


def _as_recorded(flags: Flags, before: Flags) -> Flags:
    """Returns `flags` with the values that a run determines itself, as recorded."""
    flags = dict(flags)
    names = flags.get("dataset", [""])[0].split(",")
    if len(names) > 1 and before.get("dataset", [""])[0] in names:
        flags["dataset"] = before["dataset"]
        if before["dataset"] != names[:1] and "expect" not in before:
            flags.pop("expect", None)  # A fallback data set is never checked.
    if "nudge" not in flags and "nudge" in before:
        flags["nudge"] = before["nudge"]  # Added while the run was training.
    return flags


def _values(flags: Flags, name: str) -> str:
    return ",".join(flags[name]) if flags.get(name) else "not set"


def flags_text(flags: Flags, recipe: str, comments: str = "", name: str = FLAGS) -> str:
    """Returns `flags` as a flagfile called `name`."""
    program = recipe.removesuffix(".__main__")  # A package runs by its name.
    header = f"# python -m {program} --flagfile={name} runs this again.\n"
    if not recipe:
        header = "# What training.fit was called with, and digests of its model and its data.\n"
    lines = [f"--{name}={text}\n" for name, texts in flags.items() for text in texts]
    return header + comments + "".join(lines)


def parse_flags(text: str) -> Flags:
    """Returns the flags of a flagfile that `flags_text` wrote."""
    flags: Flags = {}
    for line in text.splitlines():
        if line.startswith("--"):
            name, _, value = line[2:].partition("=")
            flags.setdefault(name, []).append(value)
    return flags


def read(path: pathlib.Path) -> Flags | None:
    """Returns the flags of the run in the folder `path`; `None` if it has none yet."""
    try:
        return parse_flags(files.read_text(path / FLAGS, MAX_FLAGS_BYTES))
    except FileNotFoundError:
        return None


def continued_comments(continued_from: list[int]) -> str:
    """Returns the comments for `flags_text` from which `continued_from` reads the numbers."""
    return "".join(f"{_CONTINUED}{epochs}\n" for epochs in continued_from)


def continued_from(path: pathlib.Path) -> list[int]:
    """Returns the numbers of `epochs` with which the run at `path` was finished before it
    continued.

    Raises:
        ContentError: the file is damaged: not UTF-8, or a number is missing.
    """
    try:
        lines = files.read_text(path / FLAGS, MAX_FLAGS_BYTES).splitlines()
    except FileNotFoundError:
        return []
    numbers = [line.removeprefix(_CONTINUED) for line in lines if line.startswith(_CONTINUED)]
    if not all(number.isdecimal() and len(number) < 20 for number in numbers):
        raise files.ContentError(f"{path / FLAGS} is damaged: {_CONTINUED} and no number")
    return [int(number) for number in numbers]

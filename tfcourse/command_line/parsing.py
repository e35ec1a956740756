"""Parses a program's arguments into its hyperparameters and `Options`."""

import pathlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from absl import flags

from tfcourse import datasets
from tfcourse import hyperparameters as hp
from tfcourse.command_line import (
    flag_definitions,
    flag_help,
    flagfiles,
    sweep_flags,
    written_flags,
)
from tfcourse.command_line.exit_codes import UsageError
from tfcourse.command_line.latest import LATEST
from tfcourse.command_line.options import Options
from tfcourse.command_line.written_flags import Written
from tfcourse.system import files, shell

_MAX_NAME = 100  # characters of a flag
_HELP = re.compile(r"--?(h|help|helpfull|helpshort)(=.*)?", re.DOTALL)
_Declared = TypeVar("_Declared", bound=hp.Hyperparameters)


def read(
    main: Callable[..., Any], hyperparameters: type[_Declared], smoke: Mapping[str, Any]
) -> tuple[_Declared, Options]:
    """Returns the recipe's hyperparameters and the other settings on its command line.

    Raises:
        UsageError: a flag is wrong; the message names it.
        SystemExit: --help has been printed.
    """
    written = parse(main)
    for name, value in smoke.items() if flags.FLAGS.smoke else ():
        if written.is_typed(name) and flags.FLAGS[name].value != value:
            print(f"--smoke sets {flag_definitions.spelled(name, value)}")
        flags.FLAGS[name].value = value
    if "sweep" in flags.FLAGS and flags.FLAGS.sweep != "none":
        sweep_flags.check_written(written, declared(hyperparameters))
    else:
        written_flags.refuse_without_sweep(written)
        written_flags.drop_idle(written, hyperparameters)
    return declared(hyperparameters), _options(main, written)


def parse(main: Callable[..., Any]) -> Written:
    """Parses the command line of the program with the function `main`; --help ends it here."""
    if any(map(_HELP.fullmatch, sys.argv[1:])):
        header = sys.modules[main.__module__].__doc__ or ""
        print(flag_help.help_text(header), flush=True)
        sys.exit(0)
    arguments = flagfiles.expand(sys.argv[1:])
    written = Written(arguments)
    if any(re.match("--?undefok(=|$)", argument.text) for argument in arguments):
        raise UsageError("--undefok would hide misspelled flags")
    for argument in arguments:
        if _HELP.fullmatch(argument.text):
            raise UsageError(f"{argument.origin}: --help is for the command line")
        name = argument.text.partition("=")[0]
        if name.startswith("-") and len(name) > _MAX_NAME:
            # absl would recurse once per character to suggest a flag.
            origin = f"{argument.origin}: " if argument.origin else ""
            raise UsageError(f"{origin}there is no flag {name[:20]}...")
    try:
        rest = flags.FLAGS([sys.argv[0], *(argument.text for argument in arguments)])
    except flags.UnrecognizedFlagError as error:
        origin = _origin(error.flagname, str(error), written)
        raise UsageError(f"{origin}{written_flags.unknown(error.flagname)}") from None
    except (flags.Error, ValueError) as error:  # ValueError if --noNAME has a value.
        named = re.search(r"--(\w+)", str(error))
        origin = _origin(named[1], str(error), written) if named else ""
        # The flag's text already shows the value.
        said = re.sub(r"(--\w+=.*) Received: .*", r"\1", str(error), flags=re.DOTALL)
        said = re.sub(r"\('Non-boolean .*\)", "must be true or false.", said, flags=re.DOTALL)
        raise UsageError(f"{origin}{said.removeprefix('flag ')}") from None
    if len(rest) > 1:
        raise UsageError(f"unexpected argument {rest[1]!r}. Write flags as --name=value")
    return written


def _origin(name: str, error: str, written: Written) -> str:
    """Returns "file:line: " if the value that an error shows was read from a flagfile."""
    origin = written.origin_of(name, error)
    return f"{origin}: " if origin else ""


def _options(main: Callable[..., Any], written: Written) -> Options:
    spec = sys.modules[main.__module__].__spec__
    module = spec.name if spec else pathlib.Path(sys.argv[0]).stem
    recipe = module.removesuffix(".__main__").rpartition(".")[2]  # A package runs by its name.
    unchecked = _leave_unchecked(written)
    # A later range for the same metric replaces an earlier one.
    flags.FLAGS["expect"].value = [*{e.metric: e for e in flags.FLAGS.expect}.values()]
    values = flags.FLAGS.flag_values_dict()
    recorded = flag_definitions.effective()
    for name, texts in recorded.items():
        # flags.txt has one flag per line.
        if not all(text.isprintable() and text == text.strip() for text in texts):
            raise UsageError(f"--{name} must be printable text without blanks around it")
    run_dir = values["run_dir"]
    if run_dir and not run_dir.isprintable():
        raise UsageError(f"--run_dir must be printable text. Received: {run_dir!r}")
    if run_dir and pathlib.PurePath(run_dir).name == LATEST:
        raise UsageError(
            f"--run_dir={run_dir} is for reading the newest run; name a folder to write to"
        )
    return Options(
        recipe=recipe,
        module=module,
        flags=recorded,
        run_dir=files.expanded(run_dir) if run_dir else _new_run_dir(recipe),
        seed=values["seed"],
        dataset=values.get("dataset"),
        data_dir=values.get("data_dir"),
        reading=declared(datasets.Reading) if "dataset" in values else datasets.Reading(),
        strategy=values.get("strategy", "none"),
        smoke=values["smoke"],
        expect=tuple(values["expect"]),
        unchecked=unchecked,
        find_learning_rate=values.get("find_learning_rate", False),
        tuner=values.get("sweep", "none"),
        sweep=None,
        timing=values["timing"],
        describe=values.get("describe", False),
        diagnose=values.get("diagnose", False),
        compile_cache=values["compile_cache"],
        tracker=values["tracker"],
    )


def _leave_unchecked(written: Written) -> str:
    """Drops the flagfiles' expectations if the command line changes the run; returns why."""
    changed = written_flags.changed(written)
    places = written.places("expect")
    if not (changed and any(place.origin for place in places)):
        return ""
    expected = zip(flags.FLAGS.expect, places, strict=True)
    flags.FLAGS["expect"].value = [item for item, place in expected if not place.origin]
    spelled = [
        flag_definitions.spelled(name, value)
        for name in changed
        for value in flag_definitions.values(name)
    ]
    return f"it was written for a run without {' '.join(spelled)}"


def _new_run_dir(recipe: str) -> pathlib.Path:
    """Returns runs/RECIPE/TIME, with a number appended if that exists."""
    first = pathlib.Path("runs", recipe, time.strftime("%Y%m%d-%H%M%S"))
    path, number = first, 1
    while path.exists():
        number += 1
        path = first.with_name(f"{first.name}-{number}")
    return path


def declared(hyperparameters: type[_Declared]) -> _Declared:
    """Returns an instance of the class `hyperparameters` with the command line's values."""
    declarations = hp.declarations(hyperparameters)
    values = {name: flags.FLAGS[name].value for name in declarations}
    for name, value in values.items():
        required = isinstance(declarations[name], hp.Text) and not declarations[name].optional
        if value is None and required:
            raise UsageError(f"--{name} is required: {declarations[name].help}")
    try:
        return hyperparameters(**values)
    except ValueError as error:
        raise UsageError(str(error)) from None


def given(switches: Iterable[str]) -> dict[str, bool]:
    """Returns whether each of these flags was given."""
    return {name: bool(flags.FLAGS[name].value) for name in switches}


def resume_command(run_dir: pathlib.Path) -> str:
    """Returns the command that resumes the run in `run_dir`: the one that was typed."""
    return command({"run_dir": str(run_dir)})


def command(changes: Mapping[str, str]) -> str:
    """Returns the command that was typed, with other values for some flags."""
    given = []
    arguments = iter(sys.orig_argv[1:])
    for argument in arguments:
        name, equals, _ = argument.lstrip("-").partition("=")
        if not (argument.startswith("-") and name in changes):
            given.append(argument)
        elif not equals:
            next(arguments, None)  # The value is the next argument.
    program = ["python"]
    if given and pathlib.Path(given[0]).name == "tfcourse":  # The console command, a script.
        program, given = ["tfcourse"], given[1:]
    return shell.join([*program, *given, *(f"--{name}={text}" for name, text in changes.items())])

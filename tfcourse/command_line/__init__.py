"""A recipe as a program: flags checked before TensorFlow loads, exit codes, short errors.

Exit codes: 0 done, 1 an --expect missed or a bug, 2 bad flags, 3 bad data, 4 bad checkpoint or
model file, 5 environment (disk, permission, lock), 6 not finite, 130 and 143 interrupted. An
exception says its code in an attribute `exit_code`.
"""

import contextlib
import dataclasses
import functools
import math
import os
import pathlib
import re
import shlex
import signal
import sys
import time
import traceback

from absl import flags

from tfcourse import data_flags, datasets, devices, run_directory
from tfcourse import hyperparameters as hp
from tfcourse.command_line import flag_definitions, flagfiles, strategies, sweeping
from tfcourse.command_line.flag_definitions import Expectation

__all__ = ["Expectation", "Options", "UsageError", "run", "run_tool"]


_MAX_NAME = 100  # characters of a flag


class UsageError(Exception):
    """Flags that do not make a run; the message names the flag."""

    exit_code = 2


class _Terminated(BaseException):
    """SIGTERM or SIGHUP came outside of training; no `except Exception` on the way holds it."""

    exit_code = 143


class NotFiniteResultError(Exception):
    """A recipe's result is infinite or not a number; the message names it."""

    exit_code = 6


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line says besides the hyperparameters.

    Attributes:
        recipe: name of the recipe's module, without its package.
        flags: `{name: [text, ...]}`, every flag that can change a result.
        run_dir: folder for the results.
        seed: int in [0, 2**32 - 1].
        dataset: name or comma-separated names; `None` for a recipe without data.
        data_dir: folder that holds the data's files, or `None`.
        data_flags: `{name: text}`, the set flags of `tfcourse.data_flags`.
        strategy: one of `devices.STRATEGIES`.
        smoke: whether this is a run of seconds that shows only that all works.
        expect: ranges in which metrics must lie.
        sweep: `SweepOptions`, or `None` for a single training.
        timing: whether to print the seconds of each stage.
        debug: whether to show tracebacks.
    """

    recipe: str
    flags: dict[str, list[str]]
    run_dir: pathlib.Path
    seed: int
    dataset: str | None
    data_dir: str | None
    data_flags: dict[str, str]
    strategy: str
    smoke: bool
    expect: tuple[Expectation, ...]
    sweep: sweeping.SweepOptions | None
    timing: bool
    debug: bool


def run(main, hyperparameters, *, dataset=None, smoke=None, build=None, train=None):
    """Runs a recipe as a program and ends the process with its exit code.

    Args:
        main: function of (hyperparameters, `Options`, `RunDirectory`) that does the work and
            returns its results, a JSON-able dict. They become metrics.json.
        hyperparameters: the recipe's `Hyperparameters` class; its flags are defined here.
        dataset: str, default of --dataset; `None` where the recipe uses no data set.
        smoke: `{flag: value}` that --smoke sets, whatever else was given.
        build: function of (hyperparameters, data, seed) that returns a compiled model; with it
            the recipe has --find_learning_rate.
        train: function of (hyperparameters, data, seed, run) and arguments of `training.fit`,
            in the module of `main`, that returns the trained model and its history; with it the
            recipe has --sweep and --strategy.
    """

    def recipe():
        flag_definitions.define(hyperparameters)
        flag_definitions.define_run(dataset=dataset)
        if build:
            flag_definitions.define_finder()
        if train:
            flag_definitions.define_strategy()
            flag_definitions.define_sweep()
        if _parse(main):
            for name, value in (smoke or {}).items() if flags.FLAGS.smoke else ():
                flags.FLAGS[name].value = value
            declared = _declared(hyperparameters)
            options = _options(main)
            if build and flags.FLAGS.find_learning_rate:
                if train and flags.FLAGS.sweep != "none":
                    raise UsageError("--find_learning_rate goes before a sweep, not with it")
                metrics = _start(functools.partial(_find_learning_rate, build), declared, options)
            elif train and flags.FLAGS.sweep != "none":
                declared, options = sweeping.prepare(train, declared, options)
                metrics = _start(sweeping.sweep, declared, options)
            else:
                metrics = _start(main, declared, options)
            return _check_expectations(options, metrics)
        return 0

    sys.exit(_exit_code(recipe))


def run_tool(main, arguments):
    """Runs a program that makes no run of its own, such as recipes.compare, likewise.

    Args:
        main: function of an instance of `arguments`.
        arguments: a `Hyperparameters` class that declares the program's flags.
    """

    def tool():
        flag_definitions.define(arguments)
        if _parse(main):
            main(_declared(arguments))
        return 0

    sys.exit(_exit_code(tool))


def _exit_code(program):
    # TensorFlow reports its instruction sets and missing GPUs on stderr; errors still show.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminate)
    try:
        return program()
    except (Exception, KeyboardInterrupt, _Terminated) as error:
        if _code(error) == 130:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # A second one leaves at once.
        if "--debug" in sys.argv[1:] or ("debug" in flags.FLAGS and flags.FLAGS["debug"].value):
            traceback.print_exc()
        print(_message(error), file=sys.stderr)
        return _code(error)


def _terminate(number, frame):
    raise _Terminated(f"stopped by {signal.Signals(number).name}")


def _parse(main):
    """Parses the command line; returns whether there is something to do besides --help."""
    arguments = flagfiles.expand(sys.argv[1:])
    if any(re.match("--?undefok(=|$)", argument.text) for argument in arguments):
        raise UsageError("--undefok would hide misspelt flags")
    for argument in arguments:
        name = argument.text.partition("=")[0]
        if name.startswith("-") and len(name) > _MAX_NAME:
            # absl would recurse a character at a time to find a flag that is meant.
            origin = f"{argument.origin}: " if argument.origin else ""
            raise UsageError(f"{origin}{name[:20]}... is no flag")
    try:
        rest = flags.FLAGS([sys.argv[0], *(argument.text for argument in arguments)])
    except (flags.Error, ValueError) as error:  # The latter where --noNAME is given a value.
        raise UsageError(f"{_origin(error, arguments)}{error}") from None
    if len(rest) > 1:
        raise UsageError(f"{rest[1]!r} is no flag; values are written --flag=value")
    if flags.FLAGS.help:
        print(flag_definitions.help_text(sys.modules[main.__module__].__doc__ or ""))
    return not flags.FLAGS.help


def _origin(error, arguments):
    """Returns "file:line: " where the flag that `error` names was read from a flagfile."""
    named = re.search(r"--(\w+)|flag '(\w+)'", str(error))
    for argument in reversed(arguments):
        name = argument.text.lstrip("-").partition("=")[0]
        if argument.origin and named and name in named.groups():
            return f"{argument.origin}: "
    return ""


def _options(main):
    recipe = _recipe_name(main)
    values = flags.FLAGS.flag_values_dict()
    recorded = flag_definitions.effective()
    for name, texts in recorded.items():
        # flags.txt holds a flag a line.
        if not all(text.isprintable() and text == text.strip() for text in texts):
            raise UsageError(f"--{name} must be printable text without blanks around it")
    run_dir = values["run_dir"]
    if run_dir and not run_dir.isprintable():
        raise UsageError(f"--run_dir must be printable text. Received: {run_dir!r}")
    return Options(
        recipe=recipe,
        flags=recorded,
        run_dir=pathlib.Path(run_dir).expanduser() if run_dir else _new_run_dir(recipe),
        seed=values["seed"],
        dataset=values.get("dataset"),
        data_dir=values.get("data_dir"),
        data_flags={
            name: recorded[name][0] for name in data_flags.DECLARATIONS if name in recorded
        },
        strategy=values.get("strategy", "none"),
        smoke=values["smoke"],
        expect=tuple({e.metric: e for e in values["expect"]}.values()),
        sweep=None,
        timing=values["timing"],
        debug=values["debug"],
    )


def _new_run_dir(recipe):
    """Returns runs/RECIPE/TIME, with a number behind it where that is taken."""
    first = pathlib.Path("runs", recipe, time.strftime("%Y%m%d-%H%M%S"))
    path, number = first, 1
    while path.exists():
        number += 1
        path = first.with_name(f"{first.name}-{number}")
    return path


def _recipe_name(main):
    module = sys.modules[main.__module__]
    spec = getattr(module, "__spec__", None)
    return spec.name.rpartition(".")[2] if spec else pathlib.Path(sys.argv[0]).stem


def _declared(hyperparameters):
    values = {name: flags.FLAGS[name].value for name in hp.declarations(hyperparameters)}
    try:
        return hyperparameters(**values)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _start(main, hyperparameters, options):
    """Runs `main` in its run directory; all that can be checked before TensorFlow loads, is."""
    if options.dataset is not None:
        try:
            datasets.check(
                options.dataset, options.data_dir, **data_flags.options(options.data_flags)
            )
        except ValueError as error:
            raise UsageError(f"--dataset: {error}") from None
    if options.strategy == "multi_worker":
        try:
            devices.worker()
        except ValueError as error:
            raise UsageError(f"--strategy=multi_worker: {error}") from None
    try:
        return _run(main, hyperparameters, options)
    except run_directory.RunFinished as finished:
        print(finished)
        return finished.metrics
    except (Exception, KeyboardInterrupt, _Terminated) as error:
        if _code(error) > 128:
            error.add_note(f"to go on: {_resume_command(options)}")
        raise


def _run(main, hyperparameters, options):
    extend = options.sweep is not None and options.sweep.extend
    with contextlib.ExitStack() as stack:
        run_dir = stack.enter_context(strategies.meeting(options))
        run = stack.enter_context(
            run_directory.open_run(run_dir, options.flags, recipe=options.recipe, extend=extend)
        )
        if run.continued_from:
            _tell_of_more_epochs(run)
        run.stopwatch.lap("Python, flags")
        stack.enter_context(strategies.trained_on(options))
        run.stopwatch.lap("import TensorFlow")
        metrics = main(hyperparameters, options, run)
        if metrics is None:  # A sweep whose time is over, but not its trials.
            return {}
        _check_finite(metrics)
        run.stopwatch.lap("results, pictures")
        seconds = run.stopwatch.seconds
        _write_model_card(options, run, metrics)
        run.write_metrics({**metrics, "seconds": sum(seconds.values()), "stages": seconds})
        print(f"The results are in {run.path}")
        if options.timing:
            print(run.stopwatch.report())
    return metrics


def _write_model_card(options, run, metrics):
    """Writes model_card.md where the run ends in a classifier; a sweep does it for its best."""
    if options.sweep is None and "test_accuracy" in metrics:
        from tfcourse import reports

        if reports.is_classifier(metrics):
            card = reports.model_card(options.recipe, run.flags, metrics)
            run.write(run_directory.MODEL_CARD, card)


def _tell_of_more_epochs(run):
    before, now = run.continued_from[-1], run.flags["epochs"][0]
    print(f"This run was finished with --epochs={before} and goes on to {now}")
    if run.flags.get("schedule") == ["one_cycle"]:
        print(
            f"--schedule=one_cycle depends on --epochs: the rate jumps after epoch {before}, and "
            f"a run that begins with --epochs={now} ends otherwise"
        )


def _find_learning_rate(build, hyperparameters, options, run):
    """Stands for a recipe's `main` where --find_learning_rate asks for no training yet."""
    from tfcourse import reports, training

    data = load_data(options, run)
    run.stopwatch.lap("data")
    model = build(hyperparameters, data, options.seed)
    curve = training.find_learning_rate(
        model, data, batch_size=hyperparameters.batch_size, seed=options.seed
    )
    picture = run.path / "learning_rate.png"
    reports.draw_learning_rate_curve(curve, picture)
    if curve.suggestion is None:
        print(f"The loss fell at no learning rate; {picture} shows it")
        return {"dataset": data.name}
    print(f"Suggested: --learning_rate={curve.suggestion:.2g}; {picture} shows why")
    return {"suggested_learning_rate": curve.suggestion, "dataset": data.name}


def load_data(options, run):
    """Returns the `Dataset` of --dataset, and records which of several names it is.

    A resumed run keeps the one that it began with, even if an earlier name can be had by now.

    Raises:
        DataError: none of the names can be had, or something is damaged.
    """
    names = datasets.check_name(options.dataset, options.data_dir)
    settled = options.dataset if len(names) == 1 else run.flags["dataset"][0]
    reading = data_flags.options(options.data_flags)
    try:
        data = datasets.load(settled, options.data_dir, **reading)
    except ValueError as error:  # A flag that the set, now that it is known, has no use for.
        raise UsageError(f"--dataset: {error}") from None
    if len(names) == 1:
        return data
    if settled in names:
        return dataclasses.replace(data, fallback_from=names[: names.index(settled)])
    flags = {**run.flags, "dataset": [names[len(data.fallback_from)]]}
    if data.fallback_from:
        flags.pop("expect", None)  # It was meant for another set.
    run.write_flags(flags)
    return data


def _resume_command(options):
    """Returns the command that goes on with the interrupted run."""
    given, arguments = [], iter(sys.argv[1:])
    for argument in arguments:
        if argument in ("--run_dir", "-run_dir"):
            next(arguments, None)  # The path stands by itself.
        elif not re.match("--?run_dir=", argument):
            given.append(argument)
    module = sys.modules["__main__"].__spec__
    program = f"-m {module.name}" if module else sys.argv[0]
    return f"python {program} {shlex.join([*given, f'--run_dir={options.run_dir}'])}"


def _check_finite(metrics):
    for name, value in metrics.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise NotFiniteResultError(f"{name} is {value}; a lower --learning_rate may mend it")


def _check_expectations(options, metrics):
    if not metrics:
        return 0
    stand_in = metrics["dataset"] if metrics.get("fallback_from") else ""
    if options.expect and (options.smoke or stand_in):
        reason = f"a run on {stand_in}" if stand_in else "a smoke run"
        print(f"--expect is left unchecked: this was {reason}")
        return 0
    code = 0
    for metric, low, high in options.expect:
        numbers = [name for name, value in metrics.items() if isinstance(value, (int, float))]
        if metric not in numbers:
            raise UsageError(f"--expect={metric}: no such result; there are {', '.join(numbers)}")
        if not low <= metrics[metric] <= high:
            print(
                f"error: --expect: {metric} is {metrics[metric]:.6g}, not in [{low}, {high}]",
                file=sys.stderr,
            )
            code = 1
    return code


def _code(error):
    if isinstance(error, KeyboardInterrupt):
        return 130
    return getattr(error, "exit_code", 5 if isinstance(error, OSError) else 1)


def _message(error):
    if _code(error) > 128:
        text = str(error) or "stopped by SIGINT"
    elif hasattr(error, "exit_code") or isinstance(error, OSError):
        text = f"error: {error}"
    else:
        what = (str(error).splitlines() or [""])[0]
        text = f"error: {type(error).__name__}: {what}\nThis is a bug; --debug shows where."
    # At most three lines, whatever a library had to say.
    lines = [*text.splitlines()[:2], *getattr(error, "__notes__", ())]
    return "\n".join(line[:500] for line in lines[:3])

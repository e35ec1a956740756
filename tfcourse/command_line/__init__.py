"""A recipe as a program: flags checked before TensorFlow loads, a run directory, an exit code."""

import contextlib
import dataclasses
import functools
import math
import sys

from absl import flags

from tfcourse import datasets, devices, run_directory
from tfcourse.choices import SCHEDULES
from tfcourse.command_line import exit_codes, flag_definitions, parsing, strategies, sweeping
from tfcourse.command_line.exit_codes import NotFiniteResultError, UsageError
from tfcourse.command_line.flag_definitions import Expectation
from tfcourse.command_line.parsing import Options

__all__ = ["Expectation", "Options", "UsageError", "run", "run_tool"]


def run(main, hyperparameters, *, dataset=None, smoke=None, build=None, train=None):
    """Runs a recipe as a program and ends the process with its exit code.

    Args:
        main: function of (hyperparameters, data, `Options`, `RunDirectory`) that does the work and
            returns its results, a JSON-able dict. They become metrics.json. Where the recipe uses
            no data set, it takes no `data`.
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
        if parsing.parse(main):
            for name, value in (smoke or {}).items() if flags.FLAGS.smoke else ():
                flags.FLAGS[name].value = value
            declared = parsing.declared(hyperparameters)
            options = parsing.options(main)
            if build and flags.FLAGS.find_learning_rate:
                if train and flags.FLAGS.sweep != "none":
                    raise UsageError("--find_learning_rate goes before a sweep, not with it")
                metrics = _start(functools.partial(_find_learning_rate, build), declared, options)
            elif train and flags.FLAGS.sweep != "none":
                declared, options = sweeping.prepare(train, declared, options)
                metrics = _start(sweeping.sweep, declared, options)
            else:
                metrics = _start(functools.partial(_train, main), declared, options)
            return _check_expectations(options, metrics)
        return 0

    sys.exit(exit_codes.exit_code(recipe))


def run_tool(main, arguments):
    """Runs a program that makes no run of its own, such as recipes.compare, likewise.

    Args:
        main: function of an instance of `arguments`.
        arguments: a `Hyperparameters` class that declares the program's flags.
    """

    def tool():
        flag_definitions.define(arguments)
        if parsing.parse(main):
            main(parsing.declared(arguments))
        return 0

    sys.exit(exit_codes.exit_code(tool))


def _start(main, hyperparameters, options):
    """Runs `main` in its run directory; all that can be checked before TensorFlow loads, is."""
    if options.dataset is not None:
        try:
            datasets.check(options.dataset, options.data_dir, **vars(options.reading))
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
    except (Exception, KeyboardInterrupt, exit_codes.Terminated) as error:
        if exit_codes.code(error) > 128:
            error.add_note(f"to go on: {parsing.resume_command(options)}")
        raise


def _run(main, hyperparameters, options):
    extend = options.sweep is not None and options.sweep.extend
    with contextlib.ExitStack() as stack:
        run_dir = stack.enter_context(strategies.meeting(options))
        run = stack.enter_context(
            run_directory.open_run(run_dir, options.flags, recipe=options.module, extend=extend)
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
    schedule = run.flags.get("schedule", [""])[0]
    if schedule in SCHEDULES and SCHEDULES[schedule].spans_training:
        print(
            f"--schedule={schedule} depends on --epochs: the rate jumps after epoch {before}, and "
            f"a run that begins with --epochs={now} ends otherwise"
        )


def _train(main, hyperparameters, options, run):
    """Calls a recipe's `main`, with the data where it uses any."""
    if options.dataset is None:
        return main(hyperparameters, options, run)
    data = _load_data(options, run)
    run.stopwatch.lap("data")
    return main(hyperparameters, data, options, run)


def _find_learning_rate(build, hyperparameters, options, run):
    """Stands for a recipe's `main` where --find_learning_rate asks for no training yet."""
    from tfcourse import reports, training

    data = _load_data(options, run)
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
    schedule = getattr(hyperparameters, "schedule", "")
    if schedule in SCHEDULES and SCHEDULES[schedule].spans_training:
        print(f"It is safe as a constant rate; the peak of {schedule} may be 10 times as high")
    return {"suggested_learning_rate": curve.suggestion, "dataset": data.name}


def _load_data(options, run):
    """Returns the `Dataset` of --dataset, and records which of several names it is.

    A resumed run keeps the one that it began with, even if an earlier name can be had by now.

    Raises:
        DataError: none of the names can be had, or something is damaged.
    """
    names = datasets.check_name(options.dataset, options.data_dir)
    settled = options.dataset if len(names) == 1 else run.flags["dataset"][0]
    try:
        data = datasets.load(settled, options.data_dir, **vars(options.reading))
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

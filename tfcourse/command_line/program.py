"""Runs a program, from its flags to its exit code."""

import contextlib
import functools
import math
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from tfcourse import datasets, run_directory
from tfcourse.choices import SCHEDULES
from tfcourse.command_line import (
    compile_cache,
    exit_codes,
    expectations,
    flag_definitions,
    flag_help,
    looking,
    model_size,
    parsing,
    run_data,
    strategies,
    streams,
    sweep_flags,
    sweeping,
    tracking,
)
from tfcourse.command_line.exit_codes import NotFiniteResultError, UsageError
from tfcourse.command_line.options import Options
from tfcourse.hyperparameters import Hyperparameters, declarations
from tfcourse.run_directory import RunDirectory, environment
from tfcourse.system import devices, quiet_import

Metrics = dict[str, Any]  # JSON-able


def run(
    main: Callable[..., Metrics],
    hyperparameters: type[Hyperparameters],
    *,
    dataset: str | None = None,
    smoke: Mapping[str, Any] | None = None,
    build: Callable[..., Any] | None = None,
    train: Callable[..., Any] | None = None,
    settle: sweeping.Settle | None = None,
    batch_size: looking.BatchSize | None = None,
    results: Iterable[str] | None = None,
) -> None:
    """Runs a recipe as a program and ends the process with its exit code.

    Args:
        main: function of (hyperparameters, data, `Options`, `RunDirectory`) that does the work and
            returns the results for metrics.json. Without `data` if the recipe uses no data set.
        hyperparameters: the recipe's class; its flags are defined here.
        dataset: default of --dataset; `None` if the recipe uses no data set.
        smoke: `{flag: value}` that --smoke sets, overriding other flags.
        build: function of (hyperparameters, data, seed) that returns a compiled model; enables
            --find_learning_rate and --diagnose.
        train: function of (hyperparameters, data, seed, run) and arguments of `training.fit`, in
            the module of `main`, that returns the trained model and its history; enables --sweep
            and --strategy.
        settle: function of (hyperparameters, data) that returns the hyperparameters after the
            choices that depend on the data, such as the model, so that a sweep searches the
            relevant ones.
        batch_size: function of (hyperparameters, data) that returns the number of examples per
            step; by default the hyperparameter `batch_size`.
        results: names of the numbers that `main` returns besides those of `final_metrics`. With
            them, a misspelt name in --expect is an error before the training.
    """
    with exit_codes.exits(main):
        flag_definitions.define(hyperparameters)
        flag_definitions.define_run(dataset=dataset, finder=bool(build), sweep=bool(train))
        values, options = parsing.read(main, hyperparameters, smoke or {})
        if options.describe:
            looking.check(options)
            with run_data.advised():
                _describe(options)
            return
        if train and options.tuner != "none":
            values, options = sweep_flags.prepare(train, values, options)
        with run_data.advised():
            _check(options, results)
        check_size = functools.partial(model_size.check_settled, values, settle)
        if options.sweep:  # Its trials without enough memory are infeasible.
            sweeping.check_objective(build, values, options)
        else:
            check_size(None)
        try:
            with _opened(options, check_size) as (run, data):
                look = build and functools.partial(looking.look, build, batch_size)
                metrics = _work(main, look, settle, values, options, run, data)
                if metrics is None:  # The sweep's time is up before its trials are done.
                    return
                _finish(values, options, run, metrics)
        except run_directory.RunFinished as finished:
            print(finished)
            metrics = finished.metrics
            if options.tracker != "none":
                run = RunDirectory(options.run_dir)
                run.flags = run_directory.recorded_flags(run.path) or {}
                tracking.log(options.recipe, run, metrics, once=True)
        _check_expectations(options, metrics)


def run_tool(
    main: Callable[..., object], arguments: type[Hyperparameters], **switches: str
) -> None:
    """Runs a program without a run directory of its own, such as recipes.compare.

    Args:
        main: called with an instance of `arguments`, and whether each switch was given.
        arguments: the class that declares its flags with values.
        **switches: its flags without values, `{name: help}`.
    """
    with exit_codes.exits(main):
        flag_definitions.define(arguments, group=flag_help.OF_TOOL)
        flag_definitions.define_switches(switches)
        parsing.parse(main)
        main(parsing.declared(arguments), **parsing.given(switches))


def _describe(options: Options) -> None:
    """Prints what is in the data; for your own data, TensorFlow is not imported."""
    assert options.dataset is not None
    if not datasets.is_own(options.dataset):
        quiet_import.import_tensorflow()
    try:
        found = datasets.describe(options.dataset, options.data_dir, **vars(options.reading))
    except ValueError as error:
        raise UsageError(f"--dataset: {error}") from None
    print(exit_codes.with_flags(str(found)))


def _check(options: Options, results: Iterable[str] | None) -> None:
    """Checks combinations of flags, as far as possible before TensorFlow loads."""
    tracking.check(options.tracker)
    looking.check(options)
    if results is not None and not looking.is_asked(options):
        if options.sweep:
            results = expectations.of_sweep(options.sweep.settings.replicates)
        expectations.check_names(options.expect, (*expectations.FINAL, *results))
    try:
        if options.dataset is not None:
            datasets.check(options.dataset, options.data_dir, **vars(options.reading))
    except ValueError as error:
        raise UsageError(f"--dataset: {error}") from None
    try:
        if options.strategy == "multi_worker":
            devices.worker()
    except ValueError as error:
        raise UsageError(f"--strategy=multi_worker: {error}") from None


@contextlib.contextmanager
def _opened(
    options: Options, check_size: Callable[[datasets.Dataset], None]
) -> Iterator[tuple[RunDirectory, datasets.Dataset | None]]:
    """Opens the run directory, imports TensorFlow, and chooses the devices.

    Your own data is read and checked before TensorFlow loads; other sets may need TensorFlow.
    """
    run_dir, extend = options.run_dir, options.sweep is not None and options.sweep.extend
    try:
        with contextlib.ExitStack() as stack:
            if options.strategy == "multi_worker":  # Then an error ends all of them.
                run_dir = stack.enter_context(strategies.meeting(run_dir))
            run = stack.enter_context(
                run_directory.open_run(run_dir, options.flags, recipe=options.module, extend=extend)
            )
            if run.continued_from:
                _tell_of_more_epochs(run)
            run.stopwatch.lap("Python, flags")
            data = ahead = None
            if options.dataset is not None and datasets.is_own(options.dataset):
                data = _loaded(options, run, check_size)
            elif options.dataset is not None:
                ahead = run_data.load_ahead(options, run)
            if options.strategy == "mirrored":
                stack.enter_context(strategies.on_devices("mirrored"))
            elif options.strategy == "none":
                load = quiet_import.import_tensorflow
                with streams.shown_meanwhile("loading TensorFlow"):
                    if options.compile_cache and options.sweep is None:  # Workers compile.
                        stack.enter_context(compile_cache.kept(load))
                    else:
                        load()
            run.stopwatch.lap("import TensorFlow")
            if ahead:
                data = _loaded(options, run, check_size, ahead())
            yield run, data
    except (Exception, KeyboardInterrupt, exit_codes.Terminated) as error:
        if exit_codes.code(error) > 128:
            error.add_note(f"to resume: {parsing.resume_command(options.run_dir)}")
        if isinstance(error, run_directory.ChangedFlagsError):
            error.add_note("Name another --run_dir, or leave it out for a new folder.")
        raise


def _loaded(
    options: Options,
    run: RunDirectory,
    check_size: Callable[[datasets.Dataset], None],
    ahead: datasets.Dataset | None = None,
) -> datasets.Dataset:
    data = run_data.load(options, run, ahead)
    if options.sweep is None:  # A sweep does this itself.
        check_size(data)
    run.stopwatch.lap("data")
    return data


def _tell_of_more_epochs(run: RunDirectory) -> None:
    before, now = run.continued_from[-1], run.flags["epochs"][0]
    print(f"This run was finished with --epochs={before} and continues to {now}")
    schedule = run.flags.get("schedule", [""])[0]
    if schedule in SCHEDULES and SCHEDULES[schedule].spans_training:
        print(
            f"--schedule={schedule} depends on --epochs: the rate jumps after epoch {before}, and "
            f"a run that begins with --epochs={now} ends otherwise"
        )


def _work(
    main: Callable[..., Metrics],
    look: Callable[..., Metrics] | None,
    settle: sweeping.Settle | None,
    hyperparameters: Hyperparameters,
    options: Options,
    run: RunDirectory,
    data: datasets.Dataset | None,
) -> Metrics | None:
    """Runs what the flags ask for: a sweep, a search for the learning rate, or `main`."""
    if data is None:
        return main(hyperparameters, options, run)
    if options.sweep:
        return sweeping.sweep(hyperparameters, options, run, data, settle)
    with _within_memory():
        if look and looking.is_asked(options):
            return look(hyperparameters, data, options, run)
        if look:
            run.stopwatch.after("compile, first step", _begin_to_import_reports)
        return main(hyperparameters, data, options, run)


def _begin_to_import_reports() -> None:
    """Imports the code for the final pictures while Python is idle."""

    def load() -> None:
        with contextlib.suppress(Exception):  # Raised again when drawing.
            from tfcourse import reports  # noqa: F401

    threading.Thread(target=load, daemon=True).start()


def _within_memory() -> AbstractContextManager[None]:
    if "tensorflow" not in sys.modules:  # Not every recipe needs it.
        return contextlib.nullcontext()
    from tfcourse import training

    return training.within_memory()


def _finish(values: Hyperparameters, options: Options, run: RunDirectory, metrics: Metrics) -> None:
    """Writes the results, which marks the run as finished."""
    for name, value in metrics.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise NotFiniteResultError(f"{name} is {value}; a lower `learning_rate` may help")
    run.stopwatch.lap("results, pictures")
    seconds = run.stopwatch.seconds
    if not options.sweep:  # A sweep has written its best trial's.
        write_model_card(options.recipe, run, metrics, values)
    run.write_metrics({**metrics, "seconds": sum(seconds.values()), "stages": seconds})
    print(f"The results are in {run.path}")
    is_chief = options.strategy != "multi_worker" or devices.worker().index == 0
    if options.tracker != "none" and is_chief:
        tracking.log(options.recipe, run, metrics)
    if options.timing:
        print(run.stopwatch.report())
        if "tensorflow" in sys.modules:
            print(f"on {environment.device_text()}")


def write_model_card(
    recipe: str, run: RunDirectory, metrics: Metrics, values: Hyperparameters
) -> None:
    """Writes model_card.md if the run has a model, with the hyperparameters in effect."""
    if {"test_accuracy", "test_rmse"} & metrics.keys():
        from tfcourse import reports

        if reports.has_model_card(metrics):
            metrics = {**metrics, "continued_from": run.continued_from}
            idle = {name for name in declarations(values) if not values.is_active(name)}
            flags = {name: texts for name, texts in run.flags.items() if name not in idle}
            card = reports.model_card(recipe, flags, metrics)
            run.write(run_directory.MODEL_CARD, card)


def _check_expectations(options: Options, metrics: Metrics) -> None:
    if options.diagnose:
        looking.check_diagnosis(metrics)
    stand_in = metrics.get("dataset", "another set") if metrics.get("fallback_from") else ""
    if options.expect and (options.smoke or stand_in):
        reason = f"a run on {stand_in}" if stand_in else "a smoke run"
        print(f"--expect is left unchecked: this was {reason}")
        return
    if options.unchecked:
        print(f"The flagfile's --expect is left unchecked: {options.unchecked}")
    expectations.check(options.expect, metrics)

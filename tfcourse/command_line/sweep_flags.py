"""The flags of a sweep, checked before TensorFlow loads."""

import dataclasses
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

from tfcourse import datasets
from tfcourse import hyperparameters as hp
from tfcourse.command_line import written_flags
from tfcourse.command_line.exit_codes import UsageError
from tfcourse.command_line.options import Options, SweepOptions
from tfcourse.system import machine
from tfcourse.tuning import grid, settings, sweeps
from tfcourse.tuning import space as search_space

if TYPE_CHECKING:
    from tfcourse.command_line.written_flags import Written

_SMOKE_TRIALS = 4
_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[^\s/]+:[0-9]{1,5}")


class _Asked(NamedTuple):
    """What --search and --fix ask for."""

    base: hp.Hyperparameters  # With the values of --fix.
    searches: dict[str, str]
    fixed: set[str]

    def space(self) -> search_space.Space:
        """Returns what is searched. Raises `UsageError` if they contradict each other."""
        try:
            return search_space.space_of(self.base, self.searches, self.fixed)
        except ValueError as error:
            raise UsageError(f"--search, --fix: {error}") from None


def prepare(
    train: Callable[..., Any], base: hp.Hyperparameters, options: Options
) -> tuple[hp.Hyperparameters, Options]:
    """Returns `(base, options)` with the values that --fix sets and the sweep's options.

    Raises:
        UsageError: a flag contradicts the others; the message names it.
    """
    values = flags.FLAGS
    asked = _asked(base)
    space = asked.space()
    trials = min(values.trials, _SMOKE_TRIALS) if options.smoke else values.trials
    if trials < values.trials and not values["trials"].using_default_value:
        print(f"--smoke sets --trials={trials}")
    _check_combination(asked.base, space, trials, options)
    assert options.dataset is not None  # Checked.
    chosen = settings.settings_of(
        train,
        asked.base,
        space,
        # The set of a sweep must not depend on what is available today.
        dataset=datasets.check_name(options.dataset, options.data_dir)[0],
        data_flags=options.reading.to_texts(),
        trials=trials,
        recipe=options.recipe,
        tuner=values.sweep,
        objective=values.objective,
        seed=options.seed,
        replicates=values.replicates,
        generation_size=values.generation_size,
        pruning=values.pruning,
    )
    sweep = SweepOptions(
        settings=chosen,
        searches=asked.searches,
        fixed=asked.fixed,
        path=settings.module_of(train)[1],
        num_workers=values.workers or machine.num_cores(),
        scheduler=_scheduler(),
        resources=_resources(),
        keep_models=values.keep_models,
        max_minutes=values.max_minutes,
        confirm=values.confirm,
        extend=values.extend,
    )
    recorded = {**options.flags, "dataset": [chosen.dataset]}
    options = dataclasses.replace(options, dataset=chosen.dataset, flags=recorded, sweep=sweep)
    return asked.base, options


def _check_combination(
    base: hp.Hyperparameters, space: search_space.Space, trials: int, options: Options
) -> None:
    values = flags.FLAGS
    if values.sweep == "hyperband":
        if values.pruning != "none":
            raise UsageError("--pruning does not go with hyperband, which stops bad trials itself")
        if getattr(base, "epochs", 0) == 0:
            raise UsageError("--sweep=hyperband needs --epochs, the most epochs of a trial")
    if not re.fullmatch(r"\w+", values.objective):
        raise UsageError(f"--objective must be a metric. Received: {values.objective!r}")
    if values.sweep == "grid":
        try:
            grid.check(space, trials)
        except ValueError as error:
            raise UsageError(f"--sweep=grid: {error}") from None
    if options.dataset is None:
        raise UsageError("--sweep: this recipe trains on no data set")
    if options.strategy != "none":
        raise UsageError(
            "--strategy does not go with --sweep, which trains each trial on one device"
        )


def check_written(written: "Written", base: hp.Hyperparameters) -> None:
    """Raises an error for flags that have no effect in the sweep.

    Raises:
        UsageError: a flag has no effect, or --search and --fix contradict each other.
    """
    _refuse_idle(written)
    asked = _asked(base)
    searched = {axis.name: axis.scale.search for axis in asked.space().axes}
    written_flags.refuse_searched(written, searched)

    def possible(name: str) -> Iterable[Any]:
        return searched.get(name, (getattr(asked.base, name),))

    written_flags.refuse_fixed(written, type(base), possible)
    written_flags.drop_idle(written, type(base), possible)


def _refuse_idle(written: "Written") -> None:
    values = flags.FLAGS
    learns = values.sweep in sweeps.LEARNING or values.pruning != "none"
    if written.is_typed("generation_size") and values.generation_size and not learns:
        raise UsageError(
            f"--generation_size has no effect with --sweep={values.sweep}, which chooses without "
            "results. Leave it out"
        )
    if written.is_typed("workers") and values.workers and values.scheduler is not None:
        raise UsageError("--workers has no effect with --scheduler, whose workers train")


def _asked(base: hp.Hyperparameters) -> _Asked:
    """Returns what --search and --fix ask for, where `base` has the values of the other flags."""
    declarations = hp.declarations(base)
    searches: dict[str, str] = {}
    fixed: set[str] = set()
    for text in flags.FLAGS.search:
        name, equals, values = text.partition("=")
        if not equals:
            raise UsageError(f"--search must be NAME=VALUES. Received: {text!r}")
        if "=" in values:
            raise UsageError(f"--search takes one NAME; repeat it for another. Received: {text!r}")
        searches[name] = values
    for text in flags.FLAGS.fix:
        name, equals, value = text.partition("=")
        fixed |= {name} if equals else set(text.split(","))
        if equals and name in declarations:
            try:
                base = dataclasses.replace(base, **{name: declarations[name].parse(value)})
            except ValueError as error:
                raise UsageError(f"--fix: {name} {error}") from None
    for name in (*searches, *sorted(fixed)):
        if name not in declarations:
            raise written_flags.unknown_hyperparameter(name, declarations)
    if flags.FLAGS.sweep == "hyperband":
        if "epochs" in searches:
            raise UsageError("--search: hyperband itself chooses epochs, up to --epochs")
        if "epochs" not in declarations:
            raise UsageError("--sweep=hyperband needs a recipe with the hyperparameter epochs")
        fixed.add("epochs")
    return _Asked(base, searches, fixed)


def _scheduler() -> str | None:
    address = flags.FLAGS.scheduler
    if address is not None and not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"--scheduler must be an address such as tcp://10.0.0.1:8786. Received: {address!r}"
        )
    return address


def _resources() -> dict[str, float]:
    text = flags.FLAGS.trial_resources
    if text is not None and flags.FLAGS.scheduler is None:
        raise UsageError("--trial_resources: only the workers of a --scheduler have resources")
    resources = {}
    for part in text.split(",") if text is not None else ():
        name, _, amount = part.partition("=")
        try:
            resources[name] = hp.decimal(amount)
        except ValueError:
            resources[name] = 0.0
        if not (name.isidentifier() and resources[name] > 0.0):
            raise UsageError(
                f"--trial_resources must be NAME=AMOUNT, such as GPU=1. Received: {part!r}"
            )
    return resources

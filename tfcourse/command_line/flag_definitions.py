"""A recipe's absl flags, made from its hyperparameter declarations, and read back as values."""

import dataclasses
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from absl import flags

from tfcourse import datasets, nudges
from tfcourse import hyperparameters as hp
from tfcourse.command_line import tracking
from tfcourse.command_line.expectations import Expectation
from tfcourse.system import devices
from tfcourse.tuning import sweeps

# These affect where a run writes and what it prints, not its results. flags.txt omits them.
WITHOUT_EFFECT = (
    *("run_dir", "debug", "timing", "help", "extend", "describe", "compile_cache", "tracker"),
)

# These state where the data is and who computes, which does not affect a flagfile's results.
WHERE = (
    *("data_dir", "workers", "scheduler", "trial_resources", "keep_models", "max_minutes"),
    "confirm",
)

SEED = hp.integer(1, "Seeds the weights, example order and dropout.", interval="[0, 4294967295]")
TRACKER = hp.choice(
    "none", tracking.TRACKERS, "Also records the finished run or sweep in an MLflow store."
)
STRATEGY = hp.choice(
    "none",
    devices.STRATEGIES,
    "Splits each batch among the devices of this machine, or among the machines in TF_CONFIG.",
)


@dataclasses.dataclass(frozen=True)
class SweepFlags(hp.Hyperparameters):
    """The number of a sweep's trials, how they are chosen, and where they are trained."""

    sweep: str = hp.choice(
        "none", ("none", *sweeps.TUNERS), "Searches hyperparameters; none trains once."
    )
    trials: int = hp.integer(24, "Number of trials in a sweep.", interval="[1, 1000000]")
    workers: int = hp.integer(
        0, "Trials trained at once, one thread each; 0 means one per core.", interval="[0, 1024]"
    )
    replicates: int = hp.integer(
        1, "Trainings per trial, each with its own seed.", interval="[1, 100]"
    )
    generation_size: int = hp.integer(
        0,
        "Trials chosen together by tuners that learn from results; 0 takes 8, or a third of "
        "the trials for coarse_to_fine.",
        interval="[0, 10000]",
    )
    pruning: str = hp.choice("none", sweeps.PRUNINGS, "Stops bad trials early.")
    keep_models: int = hp.integer(3, "Best trials whose models are kept.", interval="[1, inf)")
    confirm: int = hp.integer(
        0,
        "Trainings of the best trial with other seeds after the sweep, to confirm its score.",
        interval="[0, 100]",
    )
    max_minutes: float = hp.number(
        0.0, "Minutes after which a sweep pauses; 0 sets no limit.", interval="[0, inf)"
    )


class _Parser(flags.ArgumentParser):
    """Parses a flag's text with a function; keeps values that are not text, such as defaults."""

    def __init__(self, read: Callable[[str], Any], syntax: str, group: str = "Run") -> None:
        super().__init__()
        self.syntactic_help = syntax
        self.group = group
        self._read = read

    def parse(self, argument: Any) -> Any:
        return self._read(argument) if isinstance(argument, str) else argument


class _DeclaredSerializer(flags.ArgumentSerializer):
    def __init__(self, declaration: hp.Declaration) -> None:
        self._declaration = declaration

    def serialize(self, value: Any) -> str:
        return self._declaration.format(value)


def define(hyperparameters: type[hp.Hyperparameters], *, group: str = "") -> None:
    """Defines a flag for each declared hyperparameter, --debug and --help.

    Args:
        hyperparameters: the class that declares them.
        group: title of their part of --help; by default, each has its own.
    """
    declared = hp.declarations(hyperparameters)
    for field in dataclasses.fields(hyperparameters):
        condition = declared[field.name].active_when
        chooser = declared[condition[0] if condition else field.name]
        _define(field.name, field, group or chooser.group)
    flags.DEFINE_bool("debug", False, "Shows the traceback of an error.")
    flags.DEFINE_bool("help", False, "Shows this text.", short_name="h")


def define_switches(switches: Mapping[str, str]) -> None:
    """Defines flags without a value, `{name: help}`."""
    for name, help in switches.items():
        flags.DEFINE_bool(name, False, help)


def define_run(*, dataset: str | None, finder: bool = False, sweep: bool = False) -> None:
    """Defines the flags of every recipe.

    Args:
        dataset: default of --dataset; `None` for a recipe without data.
        finder: whether the recipe has --find_learning_rate and --diagnose.
        sweep: whether the recipe has --sweep and --strategy.
    """
    _define("seed", SEED, "Run")
    if dataset is not None:
        flags.DEFINE_string(
            "dataset",
            dataset,
            "Data set, or several separated by commas: the first available one is used. Your own: "
            f"{', '.join(datasets.own_names())}.",
        )
        flags.DEFINE_bool("describe", False, "Describes the data and exits without training.")
        flags.DEFINE_string("data_dir", None, "Folder with the original or prepared data files.")
        for field in dataclasses.fields(datasets.Reading):
            _define(field.name, field, "Data")
    _define_several(
        "expect",
        Expectation.parse,
        "METRIC:LOW:HIGH",
        "Range that a result must be in; otherwise the exit code is 1.",
    )
    if dataset is not None:
        _define_several(
            "nudge",
            nudges.parse,
            "EPOCH:STEP:NAME=VALUE",
            "Changes a setting at that step, as recorded by recipes.nudge.",
        )
    flags.DEFINE_bool("smoke", False, "Runs a tiny version in seconds, offline.")
    flags.DEFINE_string("run_dir", None, "Run directory; by default runs/RECIPE/TIME.")
    flags.DEFINE_bool("timing", False, "Prints how many seconds each stage takes.")
    _define("tracker", TRACKER, "Run")
    flags.DEFINE_bool("compile_cache", True, "Caches compiled programs for the next run.")
    if finder:
        define_finder()
    if sweep:
        _define("strategy", STRATEGY, "Run")
        define_sweep()


def define_finder() -> None:
    """Defines --find_learning_rate and --diagnose."""
    flags.DEFINE_bool(
        "find_learning_rate",
        False,
        "Suggests a learning rate from a short run, instead of training.",
    )
    flags.DEFINE_bool("diagnose", False, "Checks model and data for problems, instead of training.")


def define_sweep() -> None:
    """Defines the flags for sweeps."""
    for field in dataclasses.fields(SweepFlags):
        _define(field.name, field, "Sweep")
    flags.DEFINE_multi_string(
        "search", [], "Search range of a sweep: NAME=LOW:HIGH[:SCALE], or NAME=VALUE,VALUE."
    )
    flags.DEFINE_multi_string("fix", [], "NAME,NAME or NAME=VALUE that a sweep keeps fixed.")
    flags.DEFINE_string(
        "objective",
        "auto",
        "Metric that ranks trials; losses and errors are minimized. auto takes --monitor, else "
        "val_accuracy.",
    )
    flags.DEFINE_bool("extend", False, "Continues a sweep with changed flags.")
    flags.DEFINE_string("scheduler", None, "Address of a Dask scheduler whose workers run trials.")
    flags.DEFINE_string(
        "trial_resources",
        None,
        "Resources that a Dask worker needs for a trial, such as GPU=1; commas separate several.",
    )


# flags.txt has them only if they are set.
_WITHOUT_EFFECT_BY_DEFAULT = (
    *("find_learning_rate", "diagnose", "strategy"),
    *(field.name for field in dataclasses.fields(datasets.Reading)),
)
# The flags of `define_sweep`.
OF_SWEEPS = (
    *(field.name for field in dataclasses.fields(SweepFlags)),
    *("search", "fix", "objective", "scheduler", "trial_resources"),
)


def _define(name: str, field: dataclasses.Field[Any], group: str) -> None:
    declaration = field.metadata["declaration"]
    flags.DEFINE(
        _Parser(declaration.parse, declaration.allowed, group),
        name,
        field.default,
        declaration.help,
        serializer=_DeclaredSerializer(declaration),
    )


def _define_several(name: str, read: Callable[[str], Any], syntax: str, help: str) -> None:
    flags.DEFINE_multi(_Parser(read, syntax), flags.ArgumentSerializer(), name, [], help)


def names() -> list[str]:
    """Returns the names of all flags defined here, in order."""
    return [flag.name for flag in ours()]


def values(name: str) -> list[Any]:
    """Returns the values of the flag `name`, which may be several."""
    flag = flags.FLAGS[name]
    return list(flag.value or ()) if isinstance(flag, flags.MultiFlag) else [flag.value]


def spelled(name: str, value: Any) -> str:
    """Returns the flag `name` with `value`, quoted for a shell: "--epochs=3"."""
    flag = flags.FLAGS[name]
    if flag.boolean:
        return f"--{name}" if value else f"--no{name}"
    return f"--{name}={shlex.quote(text_of(flag, value))}"


def ours() -> list[flags.Flag]:
    """Returns the flags that this module defined, in order."""
    return flags.FLAGS.flags_by_module_dict().get(__name__, [])


def effective() -> dict[str, list[str]]:
    """Returns `{name: [text, ...]}` of the set flags that can affect a result."""
    recorded = {}
    trains_once = "sweep" in flags.FLAGS and flags.FLAGS.sweep == "none"
    for flag in ours():
        if flag.name in WITHOUT_EFFECT or flag.value in (None, []):
            continue
        is_idle = flag.name in _WITHOUT_EFFECT_BY_DEFAULT and flag.value == flag.default
        if is_idle or (trains_once and flag.name in OF_SWEEPS):
            continue
        if isinstance(flag.value, list):
            recorded[flag.name] = [str(item) for item in flag.value]
        else:
            recorded[flag.name] = [text_of(flag, flag.value)]
    return recorded


def text_of(flag: flags.Flag, value: Any) -> str:
    """Returns `value` as the text of the flag."""
    return flag.serializer.serialize(value) if flag.serializer else str(value)

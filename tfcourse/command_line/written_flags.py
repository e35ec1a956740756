"""Where each flag was written, and whether what was written there has an effect."""

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from absl import flags

from tfcourse import hyperparameters as hp
from tfcourse.command_line import flag_definitions
from tfcourse.command_line.exit_codes import UsageError
from tfcourse.command_line.flagfiles import Argument

# Other programs' names for our flags.
OTHER_NAMES = {
    "arch": "model",
    "batch": "batch_size",
    "bs": "batch_size",
    "config": "flagfile",
    "l2": "weight_decay",
    "layers": "hidden_units",
    "log_dir": "run_dir",
    "logdir": "run_dir",
    "lr": "learning_rate",
    "lr_schedule": "schedule",
    "max_epochs": "epochs",
    "max_trials": "trials",
    "n_epochs": "epochs",
    "n_trials": "trials",
    "network": "model",
    "num_epochs": "epochs",
    "num_workers": "workers",
    "opt": "optimizer",
    "out": "run_dir",
    "output_dir": "run_dir",
    "patience": "early_stopping",
    "random_seed": "seed",
    "random_state": "seed",
    "target": "label",
    "units": "hidden_units",
    "wd": "weight_decay",
}


class Written:
    """The flags that were written, on the command line and in flagfiles."""

    def __init__(self, arguments: Iterable[Argument]) -> None:
        # The values of each flag, as `text`.
        self._places: dict[str, list[Argument]] = {}
        waiting = None  # The flag whose value is the next argument.
        for text, origin in arguments:
            if waiting:
                self._places.setdefault(waiting, []).append(Argument(text, origin))
                waiting = None
            elif text.startswith("-"):
                name, equals, value = text.lstrip("-").partition("=")
                if not equals and name in flags.FLAGS and not flags.FLAGS[name].boolean:
                    waiting = name
                else:
                    name = name if name in flags.FLAGS else name.removeprefix("no")
                    self._places.setdefault(name, []).append(Argument(value, origin))

    def names(self) -> list[str]:
        """Returns the names of the flags, in the order in which they first occur."""
        return list(self._places)

    def places(self, name: str) -> list[Argument]:
        """Returns every place where the flag was written; for most flags, the last one counts."""
        return list(self._places.get(name, ()))

    def place(self, name: str) -> Argument | None:
        """Returns where the flag's value was written; `None` for a default."""
        return self._places[name][-1] if name in self._places else None

    def origin_of(self, name: str, error: str) -> str:
        """Returns where the flag value that an error shows was written."""
        for place in self._places.get(name, ()):
            if f"--{name}={place.text}" in error:
                return place.origin
        last = self.place(name)
        return last.origin if last else ""

    def is_typed(self, name: str) -> bool:
        """Returns whether the value is from the command line itself."""
        place = self.place(name)
        return place is not None and not place.origin

    def is_new(self, name: str) -> bool:
        """Returns whether the command line itself gives a different value than the flagfiles."""
        if not self.is_typed(name):
            return False
        flag = flags.FLAGS[name]
        earlier = [place.text for place in self._places[name] if place.origin]
        try:
            before = flag.parser.parse(earlier[-1]) if earlier else flag.default
        except ValueError:
            return True
        return flag.value != before


def unknown(name: str) -> UsageError:
    """Returns the error for an unknown flag `name`, with the likely one."""
    meant = _meant(name, (*flags.FLAGS, "flagfile"), flag_definitions.names())
    hint = f" Did you mean --{meant}?" if meant else " --help shows all flags."
    return UsageError(f"there is no flag --{name}.{hint}")


def unknown_hyperparameter(name: str, declared: Iterable[str]) -> UsageError:
    """Returns the error for an unknown hyperparameter, with the likely one, or all."""
    meant = _meant(name, declared, declared)
    hint = f"Did you mean {meant}?" if meant else f"There are {', '.join(declared)}"
    return UsageError(f"--search, --fix: there is no hyperparameter {name!r}. {hint}")


def _meant(name: str, known: Iterable[str], ours: Iterable[str]) -> str:
    """Returns our name for a flag of other programs, or for a misspelt one, or ""."""
    meant = OTHER_NAMES.get(name.lower().replace("-", "_"), "")
    if meant in known:
        return meant
    return (difflib.get_close_matches(name.lower(), ours, n=1) or [""])[0]


def drop_idle(
    written: Written,
    declared: type[hp.Hyperparameters],
    possible: Callable[[str], Iterable[Any]] | None = None,
) -> None:
    """Raises an error for flags that have no effect with the others.

    If a later flag makes a flagfile's flag ineffective, this is not an error: it is reported, and
    the flag gets its default.

    Args:
        written: where the flags were written.
        declared: the hyperparameters.
        possible: function that returns the possible values of a hyperparameter by its name; by
            default only its current value.

    Raises:
        UsageError: a flag has no effect.
    """
    for name, declaration in hp.declarations(declared).items():
        flag, place = flags.FLAGS[name], written.place(name)
        if declaration.active_when is None or place is None or flag.value == flag.default:
            continue
        chooser, allowed = declaration.active_when
        values = list(possible(chooser)) if possible else [flags.FLAGS[chooser].value]
        if any(value in allowed for value in values):
            continue
        chosen = written.place(chooser)
        by = " or ".join(flag_definitions.spelled(chooser, value) for value in values)
        text = f"--{name}={place.text} has no effect with {by}"
        if place.origin and chosen and chosen.file != place.file:
            print(f"{place.origin}: {text}, and is ignored")
            flag.value = flag.default
            continue
        # If several choices are possible, those that are enough by themselves.
        names = [
            v if isinstance(v, str) else v[0] for v in allowed if isinstance(v, str) or len(v) == 1
        ]
        mend = f", or use --{chooser}={_either(names)}" if names else ""
        origin = f"{place.origin}: " if place.origin else ""
        raise UsageError(f"{origin}{text}. Leave it out{mend}")


def _either(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def refuse_without_sweep(written: Written) -> None:
    """Raises an error for flags of a sweep if there is no sweep.

    Raises:
        UsageError: there is one.
    """
    chosen = written.place("sweep")
    for name in (*flag_definitions.OF_SWEEPS, "extend"):
        place = written.place(name)
        if name not in flags.FLAGS or place is None or flags.FLAGS[name].using_default_value:
            continue
        is_switched_off = place.origin and chosen and chosen.file != place.file
        if name != "sweep" and not is_switched_off:
            origin = f"{place.origin}: " if place.origin else ""
            raise UsageError(
                f"{origin}--{name} has no effect without a sweep. Leave it out, or add "
                "--sweep=random"
            )


def refuse_searched(written: Written, searched: Iterable[str]) -> None:
    """Raises an error for a typed value of a hyperparameter that the sweep searches.

    Raises:
        UsageError: there is one.
    """
    for name in searched:
        place = written.place(name)
        if place and not place.origin:
            raise UsageError(
                f"--{name}={place.text} has no effect: the sweep searches {name}. --fix={name} "
                f"keeps it at that value, --search={name}=VALUES searches others"
            )


def refuse_fixed(
    written: Written,
    declared: type[hp.Hyperparameters],
    possible: Callable[[str], Iterable[Any]],
) -> None:
    """Raises an error for a typed --fix=NAME=VALUE without effect, or that hides a typed --NAME.

    Args:
        written, declared, possible: as for `drop_idle`.

    Raises:
        UsageError: there is one.
    """
    for place in written.places("fix"):
        name, equals, value = place.text.partition("=")
        if not equals or place.origin:
            continue
        flag = written.place(name)
        if flag and not flag.origin and flag.text != value:
            raise UsageError(
                f"--{name}={flag.text} has no effect: --fix={place.text} sets {name}. Leave one out"
            )
        chooser, allowed = hp.declarations(declared)[name].active_when or ("", ())
        values = list(possible(chooser)) if chooser else []
        if chooser and not any(value in allowed for value in values):
            by = " or ".join(flag_definitions.spelled(chooser, value) for value in values)
            raise UsageError(f"--fix={place.text} has no effect with {by}. Leave it out")


def changed(written: Written) -> list[str]:
    """Returns the flags whose change on the command line can affect the flagfiles' results."""
    # Smoke runs never check expectations.
    unchanging = (*flag_definitions.WITHOUT_EFFECT, *flag_definitions.WHERE, "expect", "smoke")
    return [name for name in written.names() if name not in unchanging and written.is_new(name)]

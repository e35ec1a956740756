"""The hyperparameters of a recipe: a frozen record of declared fields."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from tfcourse.hyperparameters.kinds import Declaration


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Base class of a recipe's hyperparameters: checked when created, immutable afterwards.

    Raises:
        ValueError: a value is not allowed; the message names it.
    """

    def __post_init__(self) -> None:
        for name, declaration in declarations(self).items():
            try:
                declaration.check(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"`{name}` {error}") from None

    def is_active(self, name: str) -> bool:
        """Returns whether the hyperparameter `name` has an effect, given the others."""
        condition = declarations(self)[name].active_when
        return condition is None or getattr(self, condition[0]) in condition[1]

    def arguments_of(self, chooser: str) -> dict[str, Any]:
        """Returns the active hyperparameters that belong to the choice `chooser`.

        With `optimizer="momentum"`, `arguments_of("optimizer")` is `{"beta": 0.9}`.
        """
        return {
            name: getattr(self, name)
            for name, declaration in declarations(self).items()
            if declaration.active_when
            and declaration.active_when[0] == chooser
            and self.is_active(name)
        }

    def all_texts(self) -> dict[str, str]:
        """Returns `{name: text}` of all values, as in flags; of optional ones, only if given."""
        values = {name: getattr(self, name) for name in declarations(self)}
        return {
            name: declaration.format(values[name])
            for name, declaration in declarations(self).items()
            if not (declaration.optional and values[name] in (None, ()))
        }

    def to_texts(self) -> dict[str, str]:
        """Returns `{name: text}` of the values that differ from their defaults."""
        declared = declarations(self)
        return {
            field.name: declared[field.name].format(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Self:
        """Returns the instance with the declared entries of `texts`, in the form of `to_texts`."""
        declared = declarations(cls)
        return cls(**{n: declared[n].parse(text) for n, text in texts.items() if n in declared})


def declarations(
    hyperparameters: Hyperparameters | type[Hyperparameters],
) -> dict[str, Declaration]:
    """Returns `{name: Declaration}` of a `Hyperparameters` class or instance, in order."""
    return {
        field.name: field.metadata["declaration"] for field in dataclasses.fields(hyperparameters)
    }

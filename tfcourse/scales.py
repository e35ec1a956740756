"""Search scales, such as linear and log: a class for each, and one table of them.

A position in [0, 1] means a value; uniform positions are uniform on the scale. Both ends of a range
are included, and integers stay integers.

    linear         low + u (high - low)
    log            low (high / low)^u
    one_minus_log  1 - (1 - low) ((1 - high) / (1 - low))^u; 0.9..0.999 has its middle at 0.99
    power_of_two   2^k between the ends, all k alike
    choice         the listed values, all alike

Other programs have only linear and logarithmic scales. Each scale names a `proxy` of the value on
which such a scale is equivalent. These programs are imported only when needed.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    import keras_tuner
    from optuna.distributions import BaseDistribution
    from tensorboard.plugins.hparams import summary_v2


def format_value(value: object) -> str:
    """Returns a hyperparameter's value as text, as flags read it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclasses.dataclass(frozen=True)
class Scale:
    """The values of one hyperparameter that a search may draw: a range, or a list of values.

    A scale overrides `proxy` and `value_of_proxy`, or states that the proxy is logarithmic, or
    both.

    Attributes:
        search: `(low, high)`, or the values of a choice.
        is_integer: whether its numbers are integers.
        name: its name in flags and journals.
        title: the title of an axis that is uniform on the scale.
        is_range: whether it has two ends and an order.
        sampling: the scale of the proxy.
        proxy_name: name of the proxy in keras-tuner; `{}` is replaced by the hyperparameter's.
        proxy_label: name of the proxy in plots.
    """

    search: tuple[Any, ...]
    is_integer: bool = False

    name: ClassVar[str]
    title: ClassVar[str] = ""
    is_range: ClassVar[bool] = True
    sampling: ClassVar[Literal["linear", "log"]] = "linear"
    proxy_name: ClassVar[str] = "{}"
    proxy_label: ClassVar[str] = "{}"

    def check(self) -> None:
        """Raises `ValueError` if `search` is not possible on the scale."""
        low, high = self.search
        if isinstance(low, str) or isinstance(high, str) or low >= high:
            raise ValueError(f"LOW must be below HIGH. Received: {low}:{high}")
        if self.sampling == "log" and min(self.proxy(low), self.proxy(high)) <= 0:
            raise ValueError(f"the range does not go with the scale {self.name}")

    @staticmethod
    def proxy(value: float) -> float:
        """Returns the proxy of `value`."""
        return value

    @staticmethod
    def value_of_proxy(proxy: float) -> float:
        """Returns the value with the proxy `proxy`."""
        return proxy

    @property
    def options(self) -> tuple[Any, ...] | None:
        """All values, in order; `None` on a continuous scale."""
        low, high = self.search
        return tuple(range(low, high + 1)) if self.is_integer and high - low < 1000 else None

    @property
    def ticks(self) -> tuple[Any, ...] | None:
        """The values to write on a logarithmic axis of a plot; `None` uses the plot's own."""
        return None

    def value_at(self, position: float) -> Any:
        """Returns the value at `position` in [0, 1]."""
        low, high = self.search
        start, end = self._ends()
        at = start + position * (end - start)
        value = self.value_of_proxy(math.exp(at) if self.sampling == "log" else at)
        # Rounding must neither pass an end nor miss it.
        value = low if position <= 0.0 else high if position >= 1.0 else min(max(value, low), high)
        return round(value) if self.is_integer else value

    def position_of(self, value: Any) -> float:
        """Returns the position of `value` in [0, 1]; for a listed value, the middle of its part."""
        start, end = self._ends()
        return (self._measure(value) - start) / (end - start) if start != end else 0.5

    def __contains__(self, value: object) -> bool:
        """Whether a search may draw `value`; an earlier search may have had other values."""
        if self.options is not None:
            return value in self.options
        low, high = self.search
        return isinstance(value, (int, float)) and low <= value <= high

    def _ends(self) -> tuple[float, float]:
        low, high = self.search
        # An integer owns the half units around it, so that all integers are equally likely.
        margin = 0.5 if self.is_integer else 0.0
        return self._measure(low - margin), self._measure(high + margin)

    def _measure(self, value: float) -> float:
        proxy = self.proxy(value)
        return math.log(proxy) if self.sampling == "log" else float(proxy)

    def spread(self, level: int) -> tuple[float, ...]:
        """Returns evenly spaced positions: the ends at level 0, then also the middle, and so on.

        Each level includes the positions of the previous one, so that a finer grid contains the
        coarser one. A choice has all its values at level 0.
        """
        options = self.options
        if options is None:
            return tuple(i / 2**level for i in range(2**level + 1))
        if self.is_range and 2**level < len(options):
            shares = [i / 2**level for i in range(2**level + 1)]
            options = tuple(sorted({self._between(options, share) for share in shares}))
        return tuple(map(self.position_of, options))

    def _between(self, options: tuple[Any, ...], share: float) -> Any:
        """Returns the one of all `options` that is at `share`, in [0, 1], of the way."""
        return options[round(share * (len(options) - 1))]

    def widened(self) -> tuple[Any, Any]:
        """Returns a range that extends beyond both ends of `search`."""
        low, high = self._beyond(*self.search)
        if not self.is_integer:
            return low, high
        return max(round(low), min(self.search[0], 1)), round(high)

    def _beyond(self, low: float, high: float) -> tuple[float, float]:
        # Ranges without negative values, such as shares, stay so.
        return max(low - (high - low) / 2, min(low, 0)), high + (high - low) / 2

    def add_to_keras_tuner(
        self, space: "keras_tuner.HyperParameters", name: str, default: Any
    ) -> None:
        """Adds the hyperparameter `name`; `default` moves to the nearest allowed value."""
        low, high = sorted(self.proxy(end) for end in self.search)
        if not isinstance(default, (int, float)):  # "auto" has no place on the scale.
            default = self.search[0]
        default = min(max(self.proxy(default), low), high)
        kind = space.Int if self.is_integer else space.Float
        kind(self.proxy_name.format(name), low, high, sampling=self.sampling, default=default)

    def optuna(self, points: list[Any]) -> "BaseDistribution":
        """Returns a distribution that contains `points`, which are proxies of values."""
        from optuna.distributions import FloatDistribution, IntDistribution

        kind = IntDistribution if all(isinstance(p, int) for p in points) else FloatDistribution
        # An earlier search on another scale may have tried 0.
        is_log = self.sampling == "log" and min(points) > 0
        return kind(min(points), max(points), log=is_log)

    def tensorboard(self) -> "summary_v2.Domain":
        """Returns the domain for TensorBoard's HParams."""
        from tensorboard.plugins.hparams import summary_v2

        interval = summary_v2.IntInterval if self.is_integer else summary_v2.RealInterval
        return interval(*self.search)


class Linear(Scale):
    """Numbers on a linear scale."""

    name = "linear"


class Log(Scale):
    """Numbers on a log scale: 0.001 to 0.01 is as likely as 0.01 to 0.1."""

    name = "log"
    title = "scale: log"
    sampling = "log"

    def _beyond(self, low: float, high: float) -> tuple[float, float]:
        return low / 10, high * 10

    def _between(self, options: tuple[Any, ...], share: float) -> Any:
        return self.value_at(share)


class OneMinusLog(Scale):
    """Numbers below 1 on a log scale of 1 - value, such as decay rates of averages."""

    name = "one_minus_log"
    title = "scale: one minus log"
    sampling = "log"
    proxy_name = "one_minus_{}"
    proxy_label = "1 - {}"

    @staticmethod
    def proxy(value: float) -> float:
        return 1.0 - value

    @staticmethod
    def value_of_proxy(proxy: float) -> float:
        return 1.0 - proxy

    def _beyond(self, low: float, high: float) -> tuple[float, float]:
        # Rounded, as 1 - 10 * (1 - 0.9) is not quite 0.
        return max(round(1 - 10 * (1 - low), 12), min(low, 0)), 1 - (1 - high) / 10


class _Listed(Scale):
    """Listed values; each owns an equal part of [0, 1]."""

    @property
    def options(self) -> tuple[Any, ...]:
        return self.search

    def value_at(self, position: float) -> Any:
        return self.options[min(int(position * len(self.options)), len(self.options) - 1)]

    def position_of(self, value: Any) -> float:
        return (self.options.index(value) + 0.5) / len(self.options)

    def tensorboard(self) -> "summary_v2.Domain":
        from tensorboard.plugins.hparams import summary_v2

        if {type(value) for value in self.options} in ({int}, {float}, {str}, {bool}):
            return summary_v2.Discrete(self.options)
        return summary_v2.Discrete([format_value(value) for value in self.options])


class PowerOfTwo(_Listed):
    """The powers of two in a range, each as likely as any other."""

    name = "power_of_two"
    title = "scale: power of two"
    sampling = "log"

    def check(self) -> None:
        super().check()
        if not self.options:
            raise ValueError(f"no power of two lies in {self.search[0]}:{self.search[1]}")

    @property
    def options(self) -> tuple[int, ...]:
        low, high = self.search
        exponents = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
        return tuple(2**exponent for exponent in exponents)

    @property
    def ticks(self) -> tuple[int, ...]:
        return self.options

    def _beyond(self, low: float, high: float) -> tuple[float, float]:
        return low / 4, high * 4

    def add_to_keras_tuner(
        self, space: "keras_tuner.HyperParameters", name: str, default: Any
    ) -> None:
        options = list(self.options)
        space.Choice(name, options, default=default if default in options else options[0])


class Choice(_Listed):
    """Listed values, each as likely as any other."""

    name = "choice"
    is_range = False

    def check(self) -> None:
        pass

    def add_to_keras_tuner(
        self, space: "keras_tuner.HyperParameters", name: str, default: Any
    ) -> None:
        options = [format_value(value) for value in self.search]  # keras-tuner accepts no tuples.
        default = format_value(default)
        space.Choice(name, options, default=default if default in options else options[0])

    def optuna(self, points: list[Any]) -> "BaseDistribution":
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(list(dict.fromkeys(points)))


SCALES: dict[str, type[Scale]] = {
    scale.name: scale for scale in (Linear, Log, OneMinusLog, PowerOfTwo, Choice)
}

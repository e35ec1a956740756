r"""Averages a year of noisy daily temperatures, exponentially weighted, as the slides do.

    python -m recipes.claims.moving_average --flagfile=configs/moving_average.flags

The temperatures are a yearly wave plus noise, so the true mean is known. The recipe measures how
far the averages are from it, how much they lag, and how low they start.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures
from tfcourse import command_line
from tfcourse.command_line import Options
from tfcourse.hyperparameters import Hyperparameters, integer, number
from tfcourse.run_directory import RunDirectory

BETAS = (0.9, 0.98)
UNIT = "°F"
YEAR = 365.0
MEAN, AMPLITUDE, COLDEST_DAY = 52.0, 14.0, 20.0


@dataclasses.dataclass(frozen=True)
class MovingAverage(Hyperparameters):
    days: int = integer(365, "Days in the series.", interval="[200, inf)")
    noise: float = number(6.0, "Standard deviation of a day around the mean.", interval="(0, inf)")
    num_seeds: int = integer(100, "Series to draw.", interval="[2, inf)")


def temperatures(hp: MovingAverage, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns `(true mean [days, 1], noise [days, seeds])` in degrees Fahrenheit."""
    day = np.arange(1, hp.days + 1)[:, np.newaxis]
    true_mean = MEAN - AMPLITUDE * np.cos(2 * np.pi * (day - COLDEST_DAY) / YEAR)
    noise = np.random.default_rng(seed).normal(0.0, hp.noise, (hp.days, hp.num_seeds))
    return true_mean, noise


def lag_days(average: np.ndarray, first_day: int) -> np.ndarray:
    """Returns by how many days each average [days, seeds] lags the yearly wave.

    A sine and a cosine with a period of one year are fitted from `first_day` on; their phase is the
    lag.
    """
    day = np.arange(1, len(average) + 1)[first_day - 1 :]
    angle = 2 * np.pi * (day - COLDEST_DAY) / YEAR
    waves = np.stack([np.ones_like(angle), -np.cos(angle), -np.sin(angle)], axis=1)
    _, cosine, sine = np.linalg.lstsq(waves, average[first_day - 1 :], rcond=None)[0]
    return np.arctan2(sine, cosine) * YEAR / (2 * np.pi)


def settled_day(beta: float) -> int:
    """Returns the day from which the start has less than 5 % of the weight: three windows."""
    return round(3 * tfcourse.averages.effective_window(beta)) + 1


def measure(true_mean: np.ndarray, noise: np.ndarray, beta: float) -> dict[str, np.ndarray]:
    """Returns the measures of an average with `beta`: arrays with one number per seed, by name."""
    average = tfcourse.averages.exponentially_weighted_average
    window = round(tfcourse.averages.effective_window(beta))
    uncorrected = average(true_mean + noise, beta)
    corrected = average(true_mean + noise, beta, bias_correction=True)
    after = slice(settled_day(beta) - 1, None)

    def error(values: np.ndarray, days: slice) -> np.ndarray:
        return np.sqrt(np.mean((values - true_mean)[days] ** 2, axis=0))

    return {
        "error": error(corrected, after),
        "noise": np.sqrt(np.mean(average(noise, beta)[after] ** 2, axis=0)),
        "lag": lag_days(corrected, settled_day(beta)),
        "start_error_uncorrected": error(uncorrected, slice(window)),
        "start_error_corrected": error(corrected, slice(window)),
        "first_day_uncorrected": uncorrected[0] / true_mean[0],
        "late_difference": np.abs(uncorrected - corrected)[after].max(axis=0),
    }


def errors_by_window(
    true_mean: np.ndarray, noise: np.ndarray, windows: Sequence[float] | np.ndarray
) -> dict[str, np.ndarray]:
    """Returns `{part: errors [seeds, windows]}`: total, from noise alone, from lag alone."""
    series = {"both": true_mean + noise, "noise alone": noise, "lag alone": true_mean + 0 * noise}
    goals: dict[str, Any] = {"both": true_mean, "noise alone": 0.0, "lag alone": true_mean}
    first = settled_day(1 - 1 / max(windows)) - 1
    errors: dict[str, list[np.ndarray]] = {name: [] for name in series}
    for window in windows:
        for name, values in series.items():
            average = tfcourse.averages.exponentially_weighted_average(
                values, 1 - 1 / window, bias_correction=True
            )
            errors[name].append(np.sqrt(np.mean((average - goals[name])[first:] ** 2, axis=0)))
    return {name: np.stack(columns, axis=1) for name, columns in errors.items()}


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, from `{"hp": ..., "arms": {beta: ...}}`."""
    noise, arms = raw["hp"]["noise"], {float(beta): arm for beta, arm in raw["arms"].items()}
    small, large = (arms[beta] for beta in BETAS)
    windows = [round(tfcourse.averages.effective_window(beta)) for beta in BETAS]
    shares = [1 - beta**window for beta, window in zip(BETAS, windows, strict=True)]
    numbers = {
        **raw,
        "unit": UNIT,
        "betas": BETAS,
        "windows": windows,
        "shares": shares,
        # The mean of n independent values has 1 / n of their variance.
        "plain": [noise**2 / np.mean(np.square(arms[beta]["noise"])) for beta in BETAS],
    }
    return numbers, {
        "weight": judging.Claim(
            "share of the weight on the last 1 / (1 - β) values",
            tuple(
                judging.Comparison(f"β = {beta:g}", judging.exact(share), 0.5, form=".3f")
                for beta, share in zip(BETAS, shares, strict=True)
            ),
        ),
        "window": judging.Claim(
            "values in an equally smooth simple mean, times (1 - β)",
            tuple(_as_smooth(beta, arms[beta]["noise"], noise) for beta in BETAS),
            precision=0.2,
        ),
        "smoother": _smoother(small, large),
        "start": _start(arms),
    }


def _as_smooth(beta: float, left: Sequence[float], noise: float) -> judging.Comparison:
    window = tfcourse.averages.effective_window(beta)

    def length(squares: np.ndarray) -> float:
        return noise**2 / np.mean(squares) / window

    estimate = judging.bootstrap(length, np.square(left))
    return judging.Comparison(f"β = {beta:g}", estimate, 1.5, "below", form=".2f")


def _smoother(small: Mapping[str, Any], large: Mapping[str, Any]) -> judging.Claim:
    arms = [f"β = {beta:g}" for beta in BETAS]

    def compared(condition: str, name: str) -> judging.Comparison:
        shown = {
            arm: harness.spread(measures[name], 1)
            for arm, measures in zip(arms, (small, large), strict=True)
        }
        estimate = judging.difference(large[name], small[name])
        side: Any = "below" if name == "noise" else "above"
        return judging.Comparison(condition, estimate, 0.0, side, shown=shown)

    return judging.Claim(
        f"β = {BETAS[1]:g} minus {BETAS[0]:g}",
        (compared(f"remaining noise ({UNIT})", "noise"), compared("lag (days)", "lag")),
        precision=0.5,
    )


def _start(arms: Mapping[float, Mapping[str, Any]]) -> judging.Claim:
    low = [
        judging.Comparison(
            f"first day without correction, β = {beta:g}",
            judging.mean(arm["first_day_uncorrected"]), 0.5, "below", form=".3f",
        )
        for beta, arm in arms.items()
    ]  # fmt: skip
    mended = [
        judging.Comparison(
            f"remaining error with correction, β = {beta:g}",
            judging.ratio(arm["start_error_corrected"], arm["start_error_uncorrected"]),
            1 / 3, "below", form=".3f",
        )
        for beta, arm in arms.items()
    ]  # fmt: skip
    effect = "as a share of the true mean, and of the error without correction"
    return judging.Claim(effect, (*low, *mended), precision=0.05)


def draw(true_mean: np.ndarray, noise: np.ndarray, folder: pathlib.Path) -> None:
    """Writes both pictures into `folder`; the first shows only the first series."""
    average = tfcourse.averages.exponentially_weighted_average
    values = true_mean[:, 0] + noise[:, 0]
    averages = {beta: (average(values, beta), average(values, beta, True)) for beta in BETAS}
    pictures.draw_averages(folder / "moving_average.png", values, true_mean[:, 0], averages, UNIT)
    windows = np.geomspace(1.0, 60.0, 25)
    pictures.draw_windows(
        folder / "moving_average_window.png",
        windows,
        errors_by_window(true_mean, noise, windows),
        {tfcourse.averages.effective_window(beta): f"β = {beta:g}" for beta in BETAS},
        UNIT,
    )


def main(hp: MovingAverage, options: Options, run: RunDirectory) -> dict[str, Any]:
    true_mean, noise = temperatures(hp, options.seed)
    measured = {beta: measure(true_mean, noise, beta) for beta in BETAS}
    draw(true_mean, noise, run.path)
    metrics = {
        f"{name}_{beta:g}": float(np.mean(values))
        for beta, measures in measured.items()
        for name, values in measures.items()
    }
    raw = {"hp": dataclasses.asdict(hp), "arms": measured}
    return harness.report("moving_average", metrics, raw, judge)


if __name__ == "__main__":
    command_line.run(main, MovingAverage, smoke={"num_seeds": 2})

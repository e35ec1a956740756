r"""Averages a year of noisy daily temperatures, exponentially weighted, as the slides do.

    python -m recipes.claims.moving_average --flagfile=configs/moving_average.flags

Days are drawn from a yearly wave and noise, so that the true mean is known: how far the averages
are from it, how late they follow, how low they start.
"""

import dataclasses

import numpy as np

import tfcourse
from recipes.claims import pictures, verdicts
from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, integer, number

BETAS = (0.9, 0.98)
UNIT = "°F"
YEAR = 365.0
MEAN, AMPLITUDE, COLDEST_DAY = 52.0, 14.0, 20.0


@dataclasses.dataclass(frozen=True)
class MovingAverage(Hyperparameters):
    days: int = integer(365, "Days in the series.", interval="[200, inf)")
    noise: float = number(6.0, "Standard deviation of a day around the mean.", interval="(0, inf)")
    num_seeds: int = integer(100, "Series to draw.", interval="[2, inf)")


def temperatures(hyperparameters, seed):
    """Returns `(true mean [days, 1], noise [days, seeds])` in degrees Fahrenheit."""
    hp = hyperparameters
    day = np.arange(1, hp.days + 1)[:, np.newaxis]
    true_mean = MEAN - AMPLITUDE * np.cos(2 * np.pi * (day - COLDEST_DAY) / YEAR)
    noise = np.random.default_rng(seed).normal(0.0, hp.noise, (hp.days, hp.num_seeds))
    return true_mean, noise


def lag_days(average, first_day):
    """Returns by how many days each average [days, seeds] trails the yearly wave.

    A sine and a cosine of one year are fitted from `first_day` on; the lag is in their phase.
    """
    day = np.arange(1, len(average) + 1)[first_day - 1 :]
    angle = 2 * np.pi * (day - COLDEST_DAY) / YEAR
    waves = np.stack([np.ones_like(angle), -np.cos(angle), -np.sin(angle)], axis=1)
    _, cosine, sine = np.linalg.lstsq(waves, average[first_day - 1 :], rcond=None)[0]
    return np.arctan2(sine, cosine) * YEAR / (2 * np.pi)


def settled_day(beta):
    """Returns the day from which the start weighs less than 5 %: three windows."""
    return round(3 * tfcourse.averages.effective_window(beta)) + 1


def measure(true_mean, noise, beta):
    """Returns what an average with `beta` does: arrays of one number a seed, by name."""
    average = tfcourse.averages.exponentially_weighted_average
    window = round(tfcourse.averages.effective_window(beta))
    uncorrected = average(true_mean + noise, beta)
    corrected = average(true_mean + noise, beta, bias_correction=True)
    after = slice(settled_day(beta) - 1, None)

    def error(values, days):
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


def errors_by_window(true_mean, noise, windows):
    """Returns `{part: errors [seeds, windows]}`: of both, of noise alone, of lag alone."""
    series = {"both": true_mean + noise, "noise alone": noise, "lag alone": true_mean + 0 * noise}
    goals = {"both": true_mean, "noise alone": 0.0, "lag alone": true_mean}
    first = settled_day(1 - 1 / max(windows)) - 1
    errors = {name: [] for name in series}
    for window in windows:
        for name, values in series.items():
            average = tfcourse.averages.exponentially_weighted_average(
                values, 1 - 1 / window, bias_correction=True
            )
            errors[name].append(np.sqrt(np.mean((average - goals[name])[first:] ** 2, axis=0)))
    return {name: np.stack(columns, axis=1) for name, columns in errors.items()}


def evidence(measured, hyperparameters):
    """Returns the rows of evidence, made from `{beta: measures}` alone."""

    small, large = (measured[beta] for beta in BETAS)
    windows = [round(tfcourse.averages.effective_window(beta)) for beta in BETAS]
    shares = [1 - beta**window for beta, window in zip(BETAS, windows, strict=True)]
    # The mean of n independent values has 1 / n of their variance.
    plain = [(hyperparameters.noise**2 / np.mean(measured[b]["noise"] ** 2)) for b in BETAS]
    n = f"{hyperparameters.num_seeds} series"
    texts = {name: [verdicts.mean_and_spread(m[name], 1) for m in (small, large)] for name in small}
    return [
        verdicts.claim(
            2,
            "An average with β covers about the last 1 / (1 - β) values: 0.9 ten, 0.98 fifty.",
            f"The last {windows[0]} and {windows[1]} days hold {shares[0]:.0%} and {shares[1]:.0%} "
            f"of the weight; noise falls as in a plain mean of {plain[0]:.0f} and {plain[1]:.0f} "
            f"days, about 2 / (1 - β) ({n}).",
            verdicts.verdict_of(
                min(shares) > 0.6,
                all(abs(p / w - 1) < 0.25 for p, w in zip(plain, windows, strict=True)),
            ),
            "moving_average_window.png",
        ),
        verdicts.claim(
            2,
            "A larger β gives a smoother curve that follows later.",
            f"Of {hyperparameters.noise:g} {UNIT} of noise, {texts['noise'][0]} are left with β "
            f"{BETAS[0]} and {texts['noise'][1]} with {BETAS[1]}; the curves trail by "
            f"{texts['lag'][0]} and {texts['lag'][1]} days. The error to the true mean is "
            f"{texts['error'][0]} and {texts['error'][1]} {UNIT} ({n}).",
            verdicts.verdict_of(
                np.mean(large["noise"]) < np.mean(small["noise"]),
                np.mean(large["lag"]) > np.mean(small["lag"]),
            ),
            "moving_average.png",
        ),
        verdicts.claim(
            2,
            "From v = 0 the start is too low, and division by 1 - β^t mends it (erratum E2).",
            f"Uncorrected, the first day is {np.mean(small['first_day_uncorrected']):.0%} and "
            f"{np.mean(large['first_day_uncorrected']):.0%} of the true mean. Over the first "
            f"1 / (1 - β) days the error falls from {texts['start_error_uncorrected'][0]} to "
            f"{texts['start_error_corrected'][0]} {UNIT} with β {BETAS[0]}, from "
            f"{texts['start_error_uncorrected'][1]} to {texts['start_error_corrected'][1]} with "
            f"{BETAS[1]} ({n}).",
            verdicts.verdict_of(
                *(
                    np.mean(m["start_error_corrected"])
                    < 0.3 * np.mean(m["start_error_uncorrected"])
                    for m in (small, large)
                )
            ),
            "moving_average.png",
        ),
    ]


def draw(true_mean, noise, folder):
    """Writes both pictures into `folder`; the first is of the first series alone."""
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


def main(hyperparameters, options, run):
    true_mean, noise = temperatures(hyperparameters, options.seed)
    measured = {beta: measure(true_mean, noise, beta) for beta in BETAS}
    rows = evidence(measured, hyperparameters)
    print("\n".join(f"{row['claim']} {row['verdict']}: {row['measured']}" for row in rows))
    draw(true_mean, noise, run.path)
    return {
        **{
            f"{name}_{beta:g}": float(np.mean(values))
            for beta, measures in measured.items()
            for name, values in measures.items()
        },
        "evidence": rows,
        "environment": tfcourse.training.environment(),
    }


if __name__ == "__main__":
    command_line.run(main, MovingAverage, smoke={"num_seeds": 2})

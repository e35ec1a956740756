"""Learning-rate schedules, and the cost that each of them reaches."""

from collections.abc import Mapping

import numpy as np

from tfcourse.reports import style


def draw_decays(
    path: style.File, rates: Mapping[str, tuple[np.ndarray, np.ndarray]], costs: style.Arrays
) -> None:
    """Writes rates and training costs by epoch into the PNG file `path`.

    Args:
        rates: `{label: (epochs, rates)}`, float arrays; the rate at fractions of epochs.
        costs: `{label: costs}`, float arrays [seeds, epochs]; mean and spread are drawn.
    """
    with style.picture(path, columns=2) as axes:
        rate_axes, cost_axes = axes[0]
        for label, (epochs, values) in rates.items():
            rate_axes.plot(epochs, values, label=label)
        rate_axes.set(yscale="log", ylim=(0.01, 1.2))
        rate_axes.set(title="schedules", xlabel="epoch", ylabel="learning rate / initial rate")
        for label, values in costs.items():
            epochs = np.arange(1, values.shape[1] + 1)
            style.band(cost_axes, epochs, values, of="deviation", label=label)
        cost_axes.set_yscale("log")
        cost_axes.set(title="training cost", xlabel="epoch", ylabel="cross-entropy (nats)")
        for ax in axes[0]:
            style.whole_numbers(ax.xaxis)
            style.label_lines(ax)

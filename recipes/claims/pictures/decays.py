"""Learning-rate schedules, and the cost that each of them reaches."""

import numpy as np

from tfcourse.reports import style


def draw_decays(path, rates, costs):
    """Writes rates and training costs by epoch into the PNG file `path`.

    Args:
        path: path-like.
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
            mean, spread = values.mean(axis=0), values.std(axis=0)
            (line,) = cost_axes.plot(epochs, mean, label=label)
            cost_axes.fill_between(
                epochs, mean - spread, mean + spread, color=line.get_color(), alpha=0.15, lw=0
            )
        cost_axes.set_yscale("log")
        cost_axes.set(title="training cost", xlabel="epoch", ylabel="cross-entropy (nats)")
        for ax in axes[0]:
            ax.xaxis.get_major_locator().set_params(integer=True)
            style.label_lines(ax)

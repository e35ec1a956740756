"""The table of all checks. A new one needs a function in the file of its subject, and a line."""

import dataclasses
import inspect
from collections.abc import Callable

from tfcourse.diagnosis import (
    flow,
    gradients,
    initial,
    inputs,
    labels,
    leakage,
    learning,
    moving_averages,
    rates,
    units,
    weights,
)
from tfcourse.diagnosis.finding import Finding
from tfcourse.diagnosis.subject import Subject


@dataclasses.dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        title: what is checked.
        run: its function; may change the state of the model.
    """

    title: str
    run: Callable[[Subject], Finding]

    @property
    def about(self) -> tuple[str, ...]:
        """The paragraphs of its docstring: what it does, why, and its source."""
        return tuple((inspect.getdoc(self.run) or "").split("\n\n"))


# In the order in which to fix them: the data, the untrained model, then the training.
CHECKS: dict[str, Check] = {
    "batch": Check("A batch as the model sees it", inputs.batch),
    "input_scale": Check("Scale of the inputs", inputs.scale),
    "classes": Check("Examples of each class", labels.classes),
    "duplicates": Check("Leakage between the splits", leakage.duplicates),
    "frozen_layers": Check("Frozen layers", weights.frozen),
    "outputs": Check("Outputs against the loss", initial.outputs),
    "initial_loss": Check("Loss at initialization", initial.loss),
    "gradients": Check("Gradients against finite differences", gradients.finite_differences),
    "one_batch": Check("A few examples by heart", learning.by_heart),
    "learning_rate": Check("Learning rate against the finder's", rates.learning_rate),
    "baseline": Check("Better than without inputs", learning.baseline),
    "updates": Check("Size of updates to weights", weights.updates),
    "units": Check("Dead, saturated and identical units", units.useless),
    "flow": Check("Activations and gradients by layer", flow.histograms),
    "batch_norm": Check("Lag of batch normalization's averages", moving_averages.lag),
    "label_noise": Check("Mislabelled examples", labels.noise),
}

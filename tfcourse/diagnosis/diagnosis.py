"""All checks of one model, as a table in the terminal and as a page."""

import dataclasses
import os
from collections.abc import Callable, Iterable
from typing import Literal

import keras

from tfcourse import training_data
from tfcourse.diagnosis import page
from tfcourse.diagnosis.checks import CHECKS
from tfcourse.diagnosis.finding import VERDICTS, Finding
from tfcourse.diagnosis.subject import Subject


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What all checks found.

    Attributes:
        title: the names of the model and the data.
        findings: the findings by the names of `CHECKS`.
    """

    title: str
    findings: dict[str, Finding]

    def named(self, verdict: str) -> list[str]:
        """Returns the names of the checks with this verdict."""
        return [name for name, finding in self.findings.items() if finding.verdict == verdict]

    def __str__(self) -> str:
        ordered = [name for verdict in VERDICTS for name in self.named(verdict)]
        width = max((len(CHECKS[name].title) for name in ordered), default=0)
        lines = []
        for name in ordered:
            found = self.findings[name]
            lines.append(f"{found.verdict:8} {CHECKS[name].title:{width}}  {found.measured}")
            if found.hint:
                lines += [f"{'':8} {'':{width}}  expected: {found.expected}"]
                lines += [f"{'':8} {'':{width}}  {found.hint}"]
        return "\n".join(lines)

    def write(self, path: os.PathLike[str] | str, spelled: Callable[[str], str] = str) -> None:
        """Writes an HTML page that needs no network.

        Args:
            spelled: function that rewrites hints, in which arguments are in backticks.

        Raises:
            OSError: the file can't be written.
        """
        page.write(self.title, self.findings, path, spelled)


def diagnose(
    model: keras.Model,
    data: training_data.Data,
    *,
    batch_size: int | Literal["full"],
    seed: int,
    checks: Iterable[str] | None = None,
) -> Diagnosis:
    """Finds what keeps `model` from training well on `data`, by training it briefly.

    At the end, all variables of `model` and its optimizer, and the random state of Python and
    NumPy, are as before.

    Reference: Karpathy, "A Recipe for Training Neural Networks", 2019,
    https://karpathy.github.io/2019/04/25/recipe/; Google's Deep Learning Tuning Playbook, 2023,
    https://github.com/google-research/tuning_playbook; CS231n, https://cs231n.github.io.

    Args:
        model: compiled `keras.Model` of one input and one output, with the stock `train_step`.
        data: has `train` and `validation`, and optionally `test`, each with `features` and
            `labels`: a `Dataset`, or arrays as for `fit`.
        batch_size: >= 1, or "full".
        seed: >= 0, determines the order of the examples.
        checks: names of `CHECKS`; by default all.

    Returns:
        `Diagnosis`.

    Raises:
        ValueError: an argument is out of range, or the model has several inputs or outputs, or is
            not compiled.
        DataError: a label or a feature is one that no training can use, as for `fit`.

    Examples:
        >>> digits = tfcourse.datasets.load("digits")
        >>> tfcourse.training.set_seed(1)
        >>> model = tfcourse.models.softmax_regression(digits.input_shape, digits.num_classes)
        >>> tfcourse.training.compile_classifier(model, tfcourse.optimizers.Adam(0.01))
        >>> found = tfcourse.training.diagnose(
        ...     model, digits, batch_size=32, seed=1, checks=["classes", "initial_loss"]
        ... )
        >>> found.named("broken")
        []
    """
    names = list(CHECKS if checks is None else checks)
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        raise ValueError(
            f"`checks` must be of {', '.join(CHECKS)}. Received: checks={unknown[0]!r}"
        )
    subject = Subject.of(model, data, batch_size, seed)
    findings = {}
    for name in names:
        with subject.preserved():
            findings[name] = CHECKS[name].run(subject)
    return Diagnosis(f"{model.name} on {getattr(data, 'name', 'arrays')}", findings)

"""What all claim recipes share: seeds, verdicts, sentences, and the form of their results.

A recipe hands over numbers and which parts of each claim they bear out. The sentences are in
NAME.md.j2 beside it, a section per claim:

    ## key (chapter 2, picture.png)

    What is claimed.

    What was measured, with {{ numbers }} filled in.
"""

import functools
import math
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import jinja2
import numpy as np

import tfcourse
from tfcourse import command_line
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    import keras

VERDICTS = ("holds", "holds in part", "does not hold")
# `{key of a section: whether each part of its claim was seen to hold}`.
Holds = Mapping[str, Sequence[bool]]
# What `findings` of a recipe returns: the variables of its template, and what they bear out.
Findings = tuple[dict[str, Any], dict[str, list[bool]]]

_HEADING = re.compile(r"^## (\w+) \(chapter ([1-6]), (\S+)\)$", re.MULTILINE)


class Row(TypedDict):
    """One claim beside what was measured; `picture` is a file in the run directory."""

    chapter: int
    claim: str
    measured: str
    verdict: str
    picture: str


def run(main: Callable[..., dict[str, Any]], hp: type[Hyperparameters], **smoke: Any) -> None:
    """Runs a claim that trains on images as a program; --smoke sets `smoke`, on the digits."""
    command_line.run(main, hp, dataset="mnist,digits", smoke={"dataset": "digits", **smoke})


def plain_mlp(
    data: Dataset, hidden_units: Sequence[int], learning_rate: float, seed: int, **layers: Any
) -> "keras.Model":
    """Returns an MLP for `data` with new weights, compiled for plain gradient descent."""
    tfcourse.training.set_seed(seed)
    model = tfcourse.models.plain_mlp(data.input_shape, data.num_classes, hidden_units, **layers)
    tfcourse.training.compile_classifier(model, tfcourse.optimizers.GradientDescent(learning_rate))
    return model


def seeds(seed: int, count: int, *, skip: int = 0) -> list[int]:
    """Returns `count` seeds from `seed + skip` on; the largest one is followed by 0."""
    return [(seed + skip + offset) % 2**32 for offset in range(count)]


def results(
    recipe: str, metrics: Mapping[str, Any], findings: Findings, data: Dataset | None = None
) -> dict[str, Any]:
    """Returns what `main` of a claim recipe returns, and prints the rows of evidence.

    Args:
        recipe: name of the recipe's module.
        metrics: what `--expect` can name.
        findings: template variables and verdicts; both are kept, so that sentences can be
            written anew from them.
        data: what was trained on, if anything was.
    """
    numbers, holds = (plain(part) for part in findings)
    rows = evidence(recipe, numbers, holds)
    print("\n".join(f"{row['claim']} {row['verdict']}: {row['measured']}" for row in rows))
    made_with = {"environment": tfcourse.training.environment()}
    made = made_with if data is None else tfcourse.training.provenance(data)
    return {**metrics, "numbers": numbers, "holds": holds, "evidence": rows, **made}


def evidence(recipe: str, numbers: Mapping[str, Any], holds: Holds) -> list[Row]:
    """Returns the rows of docs/evidence.md: the recipe's sentences, filled from its numbers.

    Raises:
        ValueError: the template's sections are not those of `holds`, or are not two paragraphs.
    """
    template = _environment().get_template(f"{recipe}.md.j2")
    before, *parts = _HEADING.split(template.render(plain(numbers)))
    sections = list(zip(*(parts[start::4] for start in range(4)), strict=True))
    keys = [key for key, *_ in sections]
    if before.strip() or keys != list(holds):
        raise ValueError(
            f"The sections of {recipe}.md.j2 must be {list(holds)}. Received: {keys}, after "
            f"{before.strip()!r}"
        )
    rows: list[Row] = []
    for key, chapter, picture, text in sections:
        paragraphs = [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]
        if len(paragraphs) != 2 or not all(paragraphs):
            raise ValueError(
                f"{recipe}.md.j2: section {key} must be a claim and what was measured, two "
                f"paragraphs. Received: {paragraphs}"
            )
        claim, measured = paragraphs
        verdict = verdict_of(holds[key])
        rows.append(Row(chapter=int(chapter), claim=claim, measured=measured, verdict=verdict,
                        picture=picture))  # fmt: skip
    return rows


def verdict_of(parts: Iterable[bool]) -> str:
    """Returns the verdict on a claim, from whether each of its parts was seen to hold."""
    parts = list(parts)
    return VERDICTS[0] if all(parts) else VERDICTS[1] if any(parts) else VERDICTS[2]


def spread(values: Sequence[float | None], digits: int = 3, times: float = 1.0) -> str:
    """Returns "mean ± standard deviation" of one value per seed; the mean alone for one value.

    Args:
        values: None stands for a seed without a number, such as a cost that was not reached.
        times: what all are multiplied with, such as 100 for per cent.
    """
    if any(value is None or not math.isfinite(value) for value in values):
        return "not reached"
    scaled = np.asarray(values, np.float64) * times
    mean = f"{np.mean(scaled):,.{digits}f}"
    return f"{mean} ± {np.std(scaled, ddof=1):,.{digits}f}" if np.size(scaled) > 1 else mean


def plain(value: Any) -> Any:
    """Returns `value` as JSON has it: lists for arrays, None for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "deviation": lambda values: float(np.std(values)),
        "mean": lambda values: float(np.mean(values)),
        "number": lambda value, form: format(value, form),
        "spread": spread,
        "words": lambda name: name.replace("_", " "),
    }
    return environment

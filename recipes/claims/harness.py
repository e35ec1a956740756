"""Shared by all claim recipes: seeds, sentences, and the form of the results.

A recipe passes its raw numbers (per seed, arm and rate) and a function `judge`, which turns them,
in their JSON form, into the variables of a template and one `judging.Claim` per section. The
sentences are in NAME.md.j2 beside the recipe:

    ## key (chapter 2, picture.png)

    What is claimed.

    What was found, in one sentence with {{ numbers }} filled in; the only place where it is said.

    How it was measured: arms, how each was tuned, seeds.

    What would change the verdict.

In the sentences, `effects.key` holds a text per condition, and `verdicts.key` the verdict.
"""

import functools
import math
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

import tfcourse
from recipes.claims import judging
from tfcourse import command_line
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters
from tfcourse.reports import templates

if TYPE_CHECKING:
    import jinja2
    import keras

VERDICTS = judging.VERDICTS
# What `judge` of a recipe returns: the variables of its template, and its claims by key.
Judged = tuple[dict[str, Any], dict[str, judging.Claim]]

_HEADING = re.compile(r"^## (\w+) \(chapter ([1-6]), (\S+)\)$", re.MULTILINE)


class Row(TypedDict):
    """One claim and the finding; `picture` is a file in the run directory."""

    key: str
    chapter: int
    claim: str
    measured: str
    verdict: str
    picture: str
    where: str  # The conditions under which a claim holds that holds in part.
    how: str
    change: str
    table: list[dict[str, str]]


def run(main: Callable[..., dict[str, Any]], hp: type[Hyperparameters], **smoke: Any) -> None:
    """Runs a claim recipe that trains on images; --smoke sets `smoke` and uses the digits."""
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


def report(
    recipe: str,
    metrics: Mapping[str, Any],
    raw: Mapping[str, Any],
    judge: Callable[[Mapping[str, Any]], Judged],
    data: Dataset | None = None,
) -> dict[str, Any]:
    """Returns the results of a claim recipe's `main`, and prints the rows of evidence.

    Args:
        recipe: name of the recipe's module.
        metrics: the results that `--expect` can name.
        raw: everything that was measured; saved, so that claims can be judged again from it.
        judge: turns `raw` into claims.
        data: the training data, if any.
    """
    kept = plain(raw)
    rows = judged(recipe, judge(kept))
    print("\n".join(f"{row['claim']} {row['verdict']}: {row['measured']}" for row in rows))
    made_with = {"environment": tfcourse.training.environment()}
    made = made_with if data is None else tfcourse.training.provenance(data)
    return {**metrics, "raw": kept, "evidence": rows, **made}


def judged(recipe: str, findings: Judged) -> list[Row]:
    """Returns the rows of docs/evidence.md: a recipe's sentences, filled with its numbers."""
    numbers, claims = findings
    told = {
        "effects": {key: claim.texts() for key, claim in claims.items()},
        "verdicts": {key: claim.verdict() for key, claim in claims.items()},
    }
    rows: list[Row] = []
    for key, chapter, picture, texts in _sections(recipe, {**plain(numbers), **told}, claims):
        claim, (said, measured, how, change) = claims[key], texts
        verdict = claim.verdict()
        where = claim.conditions(judging.HOLDS) if verdict == judging.IN_PART else []
        rows.append(
            Row(
                key=f"{recipe}.{key}", chapter=chapter, claim=said, measured=measured,
                verdict=verdict, picture=picture, where="; ".join(where), how=how, change=change,
                table=claim.table(),
            )
        )  # fmt: skip
    return rows


def _sections(
    recipe: str, numbers: Mapping[str, Any], keys: Iterable[str]
) -> list[tuple[str, int, str, list[str]]]:
    """Returns `[(key, chapter, picture, paragraphs)]` of a recipe's template.

    Raises:
        ValueError: the sections differ from `keys`, or do not have four paragraphs.
    """
    template = _environment().get_template(f"{recipe}.md.j2")
    before, *parts = _HEADING.split(template.render(numbers))
    sections = list(zip(*(parts[start::4] for start in range(4)), strict=True))
    found = [key for key, *_ in sections]
    if before.strip() or found != list(keys):
        raise ValueError(
            f"The sections of {recipe}.md.j2 must be {list(keys)}. Received: {found}, after "
            f"{before.strip()!r}"
        )
    split = []
    for key, chapter, picture, text in sections:
        paragraphs = [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]
        if len(paragraphs) != 4 or not all(paragraphs):
            raise ValueError(
                f"{recipe}.md.j2: section {key} must have 4 paragraphs. Received: {paragraphs}"
            )
        split.append((key, int(chapter), picture, paragraphs))
    return split


def spread(values: Sequence[float | None] | np.ndarray, digits: int = 3, times: float = 1.0) -> str:
    """Returns "mean ± standard deviation" of one value per seed; only the mean for one value.

    Args:
        values: one per seed; None if there is no number, such as a cost that was not reached.
        times: factor for all values, such as 100 for per cent.
    """
    if any(value is None or not math.isfinite(value) for value in values):
        return "not reached"
    scaled = np.asarray(values, np.float64) * times
    mean = f"{np.mean(scaled):,.{digits}f}"
    return f"{mean} ± {np.std(scaled, ddof=1):,.{digits}f}" if np.size(scaled) > 1 else mean


def plain(value: Any) -> Any:
    """Returns `value` in JSON form: lists for arrays, None for values that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


@functools.cache
def _environment() -> "jinja2.Environment":
    return templates.environment(
        pathlib.Path(__file__).parent,
        deviation=lambda values: float(np.std(values)),
        mean=lambda values: float(np.mean(values)),
        number=format,
        spread=spread,
        words=lambda name: name.replace("_", " "),
    )

"""Claims beside what was measured, in words made from the numbers."""

import numpy as np

VERDICTS = ("holds", "holds in part", "does not hold")


def claim(chapter, text, measured, verdict, picture):
    """Returns one row of evidence, as a recipe's results carry it under "evidence".

    Args:
        chapter: int in [1, 6], the course's chapter.
        text: str, what is claimed, in one sentence.
        measured: str, what came out, made from the numbers of this run.
        verdict: str, one of `VERDICTS`.
        picture: str, name of the PNG or GIF in the run directory that shows it.

    Raises:
        ValueError: an argument is not one of these.
    """
    if chapter not in range(1, 7):
        raise ValueError(f"`chapter` must lie in [1, 6]. Received: chapter={chapter!r}")
    if verdict not in VERDICTS:
        raise ValueError(
            f"`verdict` must be one of {', '.join(VERDICTS)}. Received: verdict={verdict!r}"
        )
    for name, value in {"text": text, "measured": measured, "picture": picture}.items():
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"`{name}` must be a text. Received: {name}={value!r}")
    return {
        "chapter": chapter,
        "claim": text,
        "measured": measured,
        "verdict": verdict,
        "picture": picture,
    }


def verdict_of(*parts):
    """Returns the verdict on a claim of several parts: bools, whether each was seen to hold."""
    return VERDICTS[0] if all(parts) else VERDICTS[1] if any(parts) else VERDICTS[2]


def mean_and_spread(values, digits=3):
    """Returns "mean ± standard deviation" of one value per seed; the mean alone for one value."""
    mean = f"{np.mean(values):,.{digits}f}"
    return f"{mean} ± {np.std(values, ddof=1):,.{digits}f}" if np.size(values) > 1 else mean

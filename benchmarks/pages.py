"""The pages of the benchmarks, filled from the templates beside this file."""

import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

from tfcourse.reports import templates


def render(template: str, **values: Any) -> str:
    """Returns the page that the file `template` in this folder makes of `values`."""
    folder = pathlib.Path(__file__).parent
    environment = templates.environment(folder, spread=spread, table=table)
    return environment.get_template(template).render(values)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Returns the median, and in brackets the smallest and largest."""
    low, middle, high = (
        f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} [{low}, {high}]"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table; the first row is its header."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

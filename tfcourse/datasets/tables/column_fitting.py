"""A column as one kind or another: what it becomes, fitted on the training rows."""

import collections
import dataclasses
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfcourse.datasets import fields, shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import identifiers
from tfcourse.datasets.tables.column_report import ColumnReport, Reason
from tfcourse.datasets.tables.columns import NO_VALUE, CategoricalColumn, NumericColumn
from tfcourse.datasets.tables.table import Column
from tfcourse.datasets.values import cells, dates, numbers, spellings, stand_ins
from tfcourse.datasets.values.cell_values import as_categories, read_dates

MAX_CATEGORIES = 256
_SHOWN = 5
_FEWEST_CODES = 2  # Two numbers make the same feature as two categories.
# Number of days from which the day of the week, or the month, may be informative.
_WEEKS, _MONTHS = 14, 60

Rows = npt.NDArray[np.int64]
Fitted = NumericColumn | CategoricalColumn


class Fit(NamedTuple):
    """A column's report, its preprocessing (none if it is left out), and its first missing value.

    `first_missing` is the first row without a value, or -1.
    """

    report: ColumnReport
    columns: tuple[Fitted, ...]
    first_missing: int

    def of_units(self, units: tuple[str, ...]) -> "Fit":
        return self._replace(report=dataclasses.replace(self.report, units=units))


@dataclasses.dataclass(frozen=True)
class Fitting:
    """Fits a column as one kind or another."""

    source: str
    name: str
    column: Column
    reading: Reading
    rows: Rows
    kept: npt.NDArray[np.bool_]
    others: Container[str]

    @property
    def _imputes(self) -> bool:
        return self.reading.missing == "impute"

    @property
    def _is_kept(self) -> bool:
        return self.name in self.reading.keep

    @property
    def _most_categories(self) -> int:
        return min(MAX_CATEGORIES, max(2, len(self.rows) // 2))

    def numbers(
        self,
        values: npt.NDArray[np.float64],
        style: str,
        limits: npt.NDArray[np.bool_] | None = None,
    ) -> Fit:
        form = dates.compact(values) if style == numbers.PLAIN else ""
        if form:
            return self.dates(form)
        odd = np.isinf(values)
        values[odd] = np.nan
        limits = np.zeros(len(values), bool) if limits is None else limits
        column = self._numeric(
            values,
            self.name,
            written=style,
            skips_texts=bool(odd.any()),
            takes_limits=bool(limits.any()),
        )
        written = "" if style == numbers.PLAIN else style
        found = np.sort(values[~np.isnan(values)])
        found = found[np.diff(found, prepend=np.nan) != 0]
        if len(found) == 1 and self._imputes and np.isnan(values).any():
            more = self.reading.missing_values  # 1 or nothing, for yes and no.
            return self.categories(as_categories(cells.of(self.column), more, style), style)
        why = "" if self._is_kept else identifiers.why(self.name, values)
        if why:
            missing = np.isnan(values)
            return self._left_out("number", missing, len(found), "identifier", why, written)
        fit = self._done("number", np.isnan(values), len(found), column, odd, written)
        kept = values[self.kept]
        doubtful = stand_ins.counts(found, values, kept)
        code = self._code(found)
        if not doubtful and not limits.any() and not code:
            return fit
        report = dataclasses.replace(
            fit.report,
            code=code,
            limits=int((limits & self.kept).sum()),
            doubtful=doubtful,
        )
        return fit._replace(report=report)

    def _code(self, found: npt.NDArray[np.float64]) -> str:
        """Returns one of several whole numbers whose column's name says that they are codes."""
        are_codes = len(found) > _FEWEST_CODES and identifiers.names_codes(self.name)
        return f"{found[0]:.0f}" if are_codes and (found == np.floor(found)).all() else ""

    def dates(self, form: str) -> Fit:
        parts = dates.parts(form)
        by_part = read_dates(self.column, self.reading.missing_values, form, parts)
        values = np.asarray(by_part[parts[0]], np.float64)
        odd = np.isinf(values)
        fitted: list[Fitted] = []
        for part, found in by_part.items():
            if f"{self.name}: {part}" in self.others:
                continue  # The table already has this column.
            given = {"written": form, "column": self.name, "part": part}
            name = f"{self.name}: {part}"
            if part in dates.CATEGORICAL_PARTS:
                if self._span(values) >= {"weekday": _WEEKS, "month": _MONTHS}[part]:
                    fitted += self._one_hot(cells.categories(cells.of(found)), name, **given)
            else:
                taken = np.where(odd, np.nan, np.asarray(found, np.float64))
                fitted += self._numeric(taken, name, skips_texts=bool(odd.any()), **given)
        missing = np.isnan(values) | odd
        kind = "time" if parts == ("hour",) else "date"
        hours = np.asarray(by_part["hour"], np.float64) if "hour" in by_part else 0.0
        distinct = len(np.unique((24 * values + hours)[~missing]))  # Times of one day differ.
        return self._done(kind, missing, distinct, tuple(fitted), odd, form)

    def endless_texts(self) -> Fit | None:
        """Returns the fit of a column of too many texts, without making Python strings."""
        if self._is_kept:
            return None
        codes, distinct = cells.counted(self.column, self.reading.missing_values)
        if np.count_nonzero(np.bincount(codes[self.rows] + 1)[1:]) <= self._most_categories:
            return None
        found = cells.Cells([], codes)
        why = self._many(distinct, found)
        return self._left_out("text", codes < 0, distinct, "texts", why)

    def categories(self, every: cells.Cells, written: str = "") -> Fit:
        found = cells.categories(every, self.reading.missing_values)
        missing = found.codes < 0
        distinct = len(found.values)
        in_training = np.count_nonzero(np.bincount(found.codes[self.rows] + 1)[1:])
        if in_training > self._most_categories and not self._is_kept:
            return self._left_out("text", missing, distinct, "texts", self._many(distinct, found))
        if any(len(value) > fields.MAX_TEXT for value in found.values):
            why = f"has texts of more than {fields.MAX_TEXT:,} characters"
            return self._left_out("text", missing, distinct, "texts", why)
        is_new = np.isin(found.codes, found.codes[self.rows], invert=True) & ~missing & self.kept
        fit = self._done(
            "category", missing, distinct, self._one_hot(found, self.name, written=written)
        )
        spelled = tuple(v for v, name in self._spelled(found).items() if v != name)
        report = dataclasses.replace(fit.report, unseen=int(is_new.sum()), spelled=spelled)
        return fit._replace(report=report)

    def _many(self, distinct: int, found: cells.Cells) -> str:
        rows = int((found.codes >= 0).sum())
        if distinct == rows:
            return "has another text in every row"
        return f"has {distinct:,} different texts in {rows:,} rows, too many for categories"

    def _numeric(
        self, values: npt.NDArray[np.float64], name: str, **options: bool | str
    ) -> tuple[Fitted, ...]:
        """Returns the column fitted on the training rows, or nothing if they do not vary."""
        taken = values[self.rows]
        missing = np.isnan(taken)
        if missing.all():
            return ()
        with np.errstate(over="ignore", invalid="ignore"):
            median = float(np.median(taken[~missing]))
            taken[missing] = median
            mean, deviation = float(taken.mean()), float(taken.std())
        lowest, highest = taken.min(), taken.max()
        if lowest == highest:
            return ()
        if not (np.isfinite(mean) and np.isfinite(deviation) and deviation > 0):
            raise DataError(
                f"{self.source}, column {shown.quoted(name)}: expected numbers whose squares "
                f"double precision can hold; received values from {lowest:g} to {highest:g}. "
                "Scale them."
            )
        indicates = self._imputes and bool(missing.any()) and options.get("part") in (None, "day")
        imputed = median if self._imputes else None
        return (NumericColumn(name, mean, deviation, imputed, indicates, **options),)  # type: ignore[arg-type]

    def _one_hot(self, found: cells.Cells, name: str, **options: str) -> tuple[Fitted, ...]:
        often: dict[str, int] = collections.Counter()
        counts = self._counts(found)
        for value, category in self._spelled(found).items():
            often[category] += counts[value]
        is_missing = bool((found.codes[self.rows] < 0).any()) and self._imputes
        if len(often) + is_missing < 2:
            return ()
        categories = tuple(sorted(often))
        imputed = max(categories, key=often.__getitem__) if self._imputes else None
        if is_missing:
            categories, imputed = (NO_VALUE, *categories), NO_VALUE
        return (CategoricalColumn(name, categories, imputed, **options),)

    def _spelled(self, found: cells.Cells) -> dict[str, str]:
        """Returns the category of each text in the training rows; TRUE and true are one."""
        counts = self._counts(found)
        often = np.array([*counts.values()], np.int64)
        return spellings.merged([*counts], often, numbers=False)

    def _counts(self, found: cells.Cells) -> dict[str, int]:
        codes = found.codes[self.rows]
        counts = np.bincount(codes[codes >= 0], minlength=len(found.values))
        return {value: int(n) for value, n in zip(found.values, counts, strict=True) if n}

    def _span(self, days: npt.NDArray[np.float64]) -> float:
        known = days[self.rows]
        known = known[np.isfinite(known)]
        return float(np.ptp(known)) if len(known) else 0.0

    def _done(
        self,
        kind: str,
        missing: npt.NDArray[np.bool_],
        distinct: int,
        columns: Sequence[Fitted],
        odd: npt.NDArray[np.bool_] | None = None,
        written: str = "",
    ) -> Fit:
        if not distinct:
            return self._left_out("empty", missing, 0, "empty", "has no values")
        if not columns:
            return self._left_out(
                kind, missing, distinct, "constant", "does not vary in the training rows"
            )
        missing = missing & self.kept
        odd = None if odd is None else odd & self.kept
        texts = tuple(self._odd_texts(odd)) if odd is not None and odd.any() else ()
        report = ColumnReport(
            self.name,
            kind,  # type: ignore[arg-type]
            len(missing),
            int(missing.sum()),
            distinct,
            "features",
            features=sum(len(column.feature_names) for column in columns),
            written=written,
            odd=texts,
            odd_count=int(odd.sum()) if odd is not None else 0,
        )
        return Fit(report, tuple(columns), int(missing.argmax()) if missing.any() else -1)

    def _left_out(
        self,
        kind: str,
        missing: npt.NDArray[np.bool_],
        distinct: int,
        reason: Reason,
        why: str,
        written: str = "",
    ) -> Fit:
        count = int((missing & self.kept).sum())
        report = ColumnReport(
            self.name,
            kind,  # type: ignore[arg-type]
            len(missing),
            count,
            distinct,
            "left out",
            reason=reason,
            why=why,
            written=written,
        )
        return Fit(report, (), -1)

    def _odd_texts(self, odd: npt.NDArray[np.bool_]) -> Iterator[str]:
        seen: dict[str, None] = {}
        for row in np.flatnonzero(odd).tolist():
            seen.setdefault(str(self.column[row]))
            if len(seen) == _SHOWN:
                break
        return iter(seen)

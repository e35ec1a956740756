"""What is told about a table when it is read: sentences made of its `TableReport`."""

from collections.abc import Iterator, Sequence

from tfcourse.datasets.column_report import ColumnReport, LabelReport, TableReport

_SHOWN = 20


def sentences(report: TableReport, *, imputes: bool) -> Iterator[str]:
    """Yields what was found and what becomes of it, a sentence each."""
    yield from report.notes
    yield from _of_label(report.label)
    used = [column for column in report.columns if column.fate == "features"]
    for column in report.columns:
        if column.why and "`ignore`" not in column.why:
            yield f"column {column.name!r}: left out, since it {column.why}"
    for column in used:
        if column.odd:
            texts = ", ".join(map(repr, column.odd))
            yield (
                f"column {column.name!r}: {_cells(column.odd_count)} no {column.kind} and taken "
                f"for missing, such as {texts}"
            )
    missing = [column for column in used if column.missing]
    if missing and imputes:
        yield f"missing values filled in: {_counts(missing)} (`missing=refuse` names their lines)"


def _of_label(label: LabelReport) -> Iterator[str]:
    if label.missing:
        yield f"{_rows(label.missing)} left out, without a label in {label.name!r}"
    if label.rare:
        classes = _shown([f"{name} ({count})" for name, count in label.rare.items()])
        yield f"{_rows(sum(label.rare.values()))} left out, of classes with under 3: {classes}"
    for name, others in label.merged.items():
        yield f"class {name!r} is also written {_shown([*map(repr, others)])}: one class"


def _counts(columns: Sequence[ColumnReport]) -> str:
    return _shown([f"{column.name} {column.missing}" for column in columns])


def _shown(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"


def _cells(count: int) -> str:
    return "1 cell is" if count == 1 else f"{count} cells are"

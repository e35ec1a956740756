"""The summary that is printed when a table is read: lines made from its `TableReport`."""

from collections.abc import Iterator, Sequence

from tfcourse.datasets import shown
from tfcourse.datasets.tables import column_names, targets
from tfcourse.datasets.tables.column_report import ColumnReport, LabelReport, Reason, TableReport
from tfcourse.datasets.values import dates, numbers, scientific

_SHOWN = 8
# If a constant prediction is right this often, it is reported before a training.
_IMBALANCED = 0.75
_LEFT_OUT: dict[Reason, str] = {
    "identifier": "left out as identifiers",
    "texts": "left out, too many different texts",
    "constant": "left out, always the same",
    "empty": "left out, empty",
}


def block(report: TableReport, *, imputes: bool) -> str:
    """Returns the findings about a table and what follows from them, a line each, or ""."""
    lines = list(sentences(report, imputes=imputes))
    if not lines:
        return ""
    used = sum(column.fate == "features" for column in report.columns)
    columns = f"{used} of {len(report.columns) - 1} columns used"
    return "\n  - ".join([f"{report.source}: {report.rows:,} rows, {columns}", *lines])


def sentences(report: TableReport, *, imputes: bool) -> Iterator[str]:
    """Yields the findings and their consequences, a sentence each."""
    yield from report.notes
    yield from of_label(report.label)
    used = [column for column in report.columns if column.fate == "features"]
    yield from _left_out(report.columns)
    for column in used:
        if column.odd:
            texts = ", ".join(map(shown.quoted, column.odd))
            yield (
                f"{shown.quoted(column.name)}: {_cells(column.odd_count)} no {column.kind} and "
                f"taken for missing, such as {texts}"
            )
        if column.spelled:
            others = _shown([*map(shown.quoted, column.spelled)])
            yield f"{shown.quoted(column.name)}: {others} taken for other spellings of categories"
        if dates.OR in column.written:
            forms = column.written.count(dates.OR) + 1
            yield f"{shown.quoted(column.name)}: dates are written in {forms} ways, each is read"
        yield from _limits(column)
    yield from _codes(used)
    yield from _of_units(report.columns)
    yield from _doubtful(used, report.label)
    missing = [column for column in used if column.missing]
    if missing and imputes:
        yield f"missing values filled in: {_counts({c.name: c.missing for c in missing})}"
    unseen = {column.name: column.unseen for column in used if column.unseen}
    if unseen:
        yield f"categories that the training rows do not have are ignored: {_counts(unseen)}"
    yield from _giveaways(report)
    if report.time:
        yield (
            f"the rows are in the order of {shown.quoted(report.time)}, and the splits are drawn "
            "at random: for later rows, the test result may be too good. To predict those, make "
            "the splits yourself, in a column split"
        )
    if report.units:
        yield (
            f"rows of one {' or '.join(map(shown.quoted, report.units))} are in several splits: "
            "for new ones, the test result is too good. Make the splits yourself, in a column "
            f"split, and leave it out: {column_names.argument('ignore', report.units)}"
        )
    if report.counts:
        yield (
            f"no two rows are equal but for {shown.quoted(report.counts)}: if it counts the cases "
            "of a row, repeat each row as often"
        )
    if report.repeated:
        yield (
            f"{report.repeated:,} of {report.test_rows:,} test rows repeat a training row: the "
            "test result is too good. Keep one of each"
        )


def _limits(column: ColumnReport | LabelReport) -> Iterator[str]:
    if column.limits:
        yield (
            f"{shown.quoted(column.name)}: {_cells(column.limits)} limits or have marks, such as "
            "<0.01, 10+ or 12.3*, and taken for the number in them"
        )


def _codes(columns: Sequence[ColumnReport]) -> Iterator[str]:
    padded = [column for column in columns if numbers.is_padded(column.code)]
    named = [column for column in columns if column.code and column not in padded]
    for found, how in ((padded, "that begin with 0"), (named, "called codes")):
        if found:
            listed = _shown([f"{shown.quoted(c.name)} {c.code}" for c in found])
            advice = column_names.argument("categorical", [column.name for column in found])
            yield f"numbers {how}: {listed}: if they are codes, {advice} keeps them so"


def _of_units(columns: Sequence[ColumnReport]) -> Iterator[str]:
    """Yields what is told of units that are left out, or that differ within a column."""
    columns = [column for column in columns if column.reason != "identifier"]
    one = [f"{shown.text(c.name)} ({c.units[0]})" for c in columns if len(c.units) == 1]
    if one:
        are_uncertain = any(scientific.UNCERTAINTY in each for each in one)
        what = "units or uncertainties" if are_uncertain else "units"
        yield f"numbers without their {what}: {_shown(one)}"
    for column in columns:
        if column.units == numbers.NOTATIONS:
            both = " and ".join(column.units)
            yield f"{shown.quoted(column.name)}: numbers with {both}: taken for texts. Use one"
        elif len(column.units) > 1:
            units = ", ".join(unit or "none" for unit in column.units)
            how = (
                "all are read alike. Write them in one"
                if column.kind == "number"
                else "taken for texts. Convert them to one"
            )
            yield f"{shown.quoted(column.name)}: numbers in several units ({units}): {how}"


def _doubtful(columns: Sequence[ColumnReport], label: LabelReport) -> Iterator[str]:
    """Yields sentences about numbers that may mean "missing" and do not name a class."""
    reports: list[ColumnReport | LabelReport] = [*columns, label]
    found = [(each.name, f"{n:g}", cells) for each in reports for n, cells in each.doubtful]
    found = [each for each in found if each[1] not in label.counts]
    if not found:
        return
    listed = _shown([f"{shown.quoted(name)} {n} ({cells:,} cells)" for name, n, cells in found])
    values = ",".join(sorted({number for _, number, _ in found}, key=float))
    yield (
        f"numbers unlike all others: {listed}: if they stand for missing values, "
        f"`missing_values={values}`"
    )


def of_label(label: LabelReport) -> Iterator[str]:
    """Yields sentences about the column to predict."""
    if label.taken:
        taken = targets.CLASSES if label.counts else targets.QUANTITY
        yield f"{shown.quoted(label.name)}: {taken.format(label.taken)}"
    yield from _limits(label)
    if label.missing:
        yield f"{_rows(label.missing)} left out, without a label in {shown.quoted(label.name)}"
    if label.rare:
        classes = _counts(label.rare)
        yield f"{_rows(sum(label.rare.values()))} left out, of classes with under 3: {classes}"
    for name, others in label.merged.items():
        yield (
            f"class {shown.quoted(name)} is also written {_shown([*map(shown.quoted, others)])}: "
            "one class"
        )
    if label.ends_in_total:
        yield (
            f"the last row's {shown.quoted(label.name)} is the sum of all others: if the row is a "
            "total, remove it"
        )
    if label.is_sorted:
        yield f"the rows are sorted by {shown.quoted(label.name)}; the splits are drawn at random"
    if label.counts:
        name, count = max(label.counts.items(), key=lambda item: item[1])
        share = count / sum(label.counts.values())
        if share >= _IMBALANCED:
            yield (
                f"{100 * share:.1f} % of the rows are of class {shown.quoted(name)}: a model has "
                "to beat that"
            )


def _left_out(columns: Sequence[ColumnReport]) -> Iterator[str]:
    for reason, text in _LEFT_OUT.items():
        names = [column.name for column in columns if column.reason == reason]
        if names:
            kept = column_names.argument("keep", names)
            advice = f" ({kept} uses them)" if reason == "identifier" else ""
            yield f"{text}: {_shown([column_names.listed([name]) for name in names])}{advice}"


def _giveaways(report: TableReport) -> Iterator[str]:
    told = report.giveaways[:_SHOWN]
    label = shown.quoted(report.label.name)
    ignored = column_names.argument("ignore", [*dict.fromkeys(found.column for found in told)])
    for found in told:
        what = (
            f"where {shown.quoted(found.column)} is missing"
            if found.by_missing
            else f"{shown.quoted(found.column)}"
        )
        how = (
            f"alone tells the class in {100 * found.share:.1f} % of the training rows"
            if report.label.counts
            else f"follows {label} (correlation {found.share:.4f})"
        )
        alone = f". If that is known only once {label} is, leave it out: {ignored}"
        yield f"{what} {how}{alone if len(told) == 1 else ''}"
    if len(told) > 1:
        yield f"if those are known only once {label} is, leave them out: {ignored}"
    if report.parts:
        parts = _shown([*map(shown.quoted, report.parts)])
        yield (
            f"{label} is a sum of {parts}, weighted. If they are known only once it is, leave them "
            f"out: {column_names.argument('ignore', report.parts)}"
        )


def _counts(counts: dict[str, int]) -> str:
    return _shown([f"{shown.text(name)} ({count:,})" for name, count in counts.items()])


def _shown(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"


def _cells(count: int) -> str:
    return "1 cell is" if count == 1 else f"{count:,} cells are"

"""Names, classes and cells as messages show them: in one line, and a long one cut."""

from tfcourse.hyperparameters import printable

LONGEST = 80  # Characters, before those that can't be printed are written as escapes.


def text(value: object) -> str:
    r"""Returns a text for a message: a line end as \n, of a long one its start and its end."""
    return printable(cut(str(value)))


def quoted(value: object) -> str:
    """Returns the same in quotes, as Python writes a text."""
    return repr(cut(str(value)))


def cut(value: str, longest: int = LONGEST) -> str:
    """Returns a text of at most `longest` characters: names often differ only at their ends."""
    if len(value) <= longest:
        return value
    end = longest // 3
    return f"{value[: longest - end - 3]}...{value[-end:]}"

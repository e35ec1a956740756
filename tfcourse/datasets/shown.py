"""Shows names, classes and cells in messages: on one line, long ones cut."""

from tfcourse.hyperparameters import printable

LONGEST = 80  # Characters, before those that can't be printed are written as escapes.


def text(value: object) -> str:
    r"""Returns a text for messages: line breaks as \n, long texts without their middle."""
    return printable(cut(str(value)))


def quoted(value: object) -> str:
    """Returns the same in quotes, as a Python string."""
    return repr(cut(str(value)))


def cut(value: str, longest: int = LONGEST) -> str:
    """Returns a text cut to `longest` characters. Its end stays: names often differ only there."""
    if len(value) <= longest:
        return value
    end = longest // 3
    return f"{value[: longest - end - 3]}...{value[-end:]}"

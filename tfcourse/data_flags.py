"""The flags that say how data of one's own is read; see `tfcourse.datasets.load`."""

from tfcourse import hyperparameters as hp

DECLARATIONS = {
    "label": hp.Text("Column that holds the class, of a table."),
    "missing": hp.Choice(
        "What becomes of a table's missing values; by default they are refused.",
        choices=("refuse", "impute"),
    ),
    "categorical": hp.Texts("Columns of numbers that are taken for texts."),
    "ignore": hp.Texts("Columns that are left out."),
    "image_size": hp.Integers(
        "HEIGHT,WIDTH that images are resized to; one number makes squares.",
        interval=hp.Interval("[1, 8192]"),
    ),
}


def options(texts):
    """Returns the options of `datasets.load` that flags say.

    Args:
        texts: `{name: text}` of the flags that are set.
    """
    return {name: DECLARATIONS[name].parse(text) for name, text in texts.items()}

"""What every source of data returns: a `Dataset`, and the preprocessing of its examples."""

import dataclasses
import os
from typing import Any, ClassVar, Protocol

from tfcourse.datasets.examples import Examples, FloatArray, Split
from tfcourse.datasets.streamed import StreamedSplit
from tfcourse.datasets.tables.column_report import TableReport
from tfcourse.datasets.tables.targets import NumericTarget

SPLITS = ("train", "validation", "test")


class Preprocessing(Protocol):
    """How raw examples become a model's input; see `tfcourse.datasets.preprocessing`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def target(self) -> NumericTarget | None:
        """The quantity that is the label; `None` for classes."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]: ...

    @property
    def source(self) -> str: ...

    def transform(self, raw: Any, /) -> FloatArray:
        """Returns the features of raw values in memory."""
        ...

    def read(
        self,
        path: os.PathLike[str] | str,
        *,
        resize: bool = False,
        labels: bool = True,
        identifier: str | None = None,
    ) -> Examples:
        """Returns the examples in a file or folder, preprocessed as in training.

        Args:
            path: an image, a folder of images, a table (for a model of tables), or arrays: .npz
                with `x` and optionally labels `y`; .npy with `x` only.
            resize: whether to resize images of another size, even if the training did not.
            labels: whether to read and check labels. Rows of a table without a label are then left
                out, unless none has one.
            identifier: a column of a table that identifies each example, used in training or not.

        Raises:
            DataError: the file does not fit the preprocessing, or is damaged or malicious.
        """
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A named data set with its training, validation and test splits.

    Args:
        name: the data set's name, such as "mnist".
        train: the split to train on.
        validation: the split for choosing epochs and hyperparameters.
        test: the split to evaluate once.
        class_names: one per class, in the order of the labels; empty for a quantity.
        origin: where the examples came from, for the record of a run.
        fallback_from: the names before this one that were unavailable; empty if the first name was
            loaded.
        preprocessing: how `features` were made from raw examples, fitted on `train`; `None` if
            unknown. A run saves it, see `tfcourse.datasets.preprocessing`.
        report: what was found in a table, and how its columns are used.
        target: the quantity that is the label, with its mean and standard deviation; `None` for
            classes.
    """

    name: str
    train: Split | StreamedSplit
    validation: Split | StreamedSplit
    test: Split | StreamedSplit
    class_names: tuple[str, ...]
    origin: str
    fallback_from: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    report: TableReport | None = None
    target: NumericTarget | None = None

    @property
    def splits(self) -> dict[str, Split | StreamedSplit]:
        """The three splits by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def num_outputs(self) -> int:
        """The number of the model's outputs: one logit per class, or one number."""
        return 1 if self.target else self.num_classes

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example: (height, width, channels), or (features,)."""
        return self.train.input_shape

    def smaller(self, max_examples: int) -> "Dataset":
        """Returns the set with at most `max_examples` examples in each split, for quick trials."""
        cut: dict[str, Any] = {
            name: split.smaller(max_examples) for name, split in self.splits.items()
        }
        return dataclasses.replace(self, **cut)

    def frozen(self) -> "Dataset":
        """Returns itself with read-only arrays, so that trainings may rely on their values."""
        for split in self.splits.values():
            if isinstance(split, Split):
                split.frozen()
        return self

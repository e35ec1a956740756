"""How a person's own data is to be read."""

import dataclasses

MISSING = ("refuse", "impute")


@dataclasses.dataclass(frozen=True)
class Reading:
    """What the flags say about data of one's own.

    Args:
        label: str, the column of a table that holds the class, or `None`.
        missing: one of `MISSING`: what becomes of a table's missing values.
        categorical: tuple of str, columns of numbers that are taken for texts.
        ignore: tuple of str, columns that are left out.
        image_size: tuple (height, width) that images are resized to, or one number for both;
            `None` refuses images of different sizes.

    Raises:
        ValueError: a value is not allowed; the message names it.
    """

    label: str | None = None
    missing: str = "refuse"
    categorical: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    image_size: tuple[int, int] | None = None

    def __post_init__(self):
        if self.missing not in MISSING:
            raise ValueError(
                f"`missing` must be one of {', '.join(MISSING)}. Received: {self.missing!r}"
            )
        for name in ("categorical", "ignore"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ValueError(f"`{name}` must be a list of columns. Received: {value!r}")
            object.__setattr__(self, name, tuple(value))
        if self.image_size is not None:
            size = self.image_size
            size = (size, size) if isinstance(size, int) else tuple(size)
            size = size * 2 if len(size) == 1 else size
            if len(size) != 2 or not all(type(n) is int and 1 <= n <= 8192 for n in size):
                raise ValueError(
                    "`image_size` must be (height, width), whole numbers in [1, 8192]. Received: "
                    f"{self.image_size!r}"
                )
            object.__setattr__(self, "image_size", size)

    def given(self):
        """Returns `{name: value}` of what differs from the default."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }

r"""Writes example data to try the other programs on.

    tfcourse example digits.npz
    tfcourse example penguins.csv
    tfcourse example photos

digits.npz holds handwritten digits `x` and their labels `y`, with the size and range of the images
that --run_dir was trained on. penguins.csv is a table with a column `species`. photos is a folder
with one folder of images per class. `python -m recipes.example --output=digits.npz` is the same
command.
"""

import dataclasses
import difflib
import io
import pathlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from tfcourse import command_line, datasets, drawing, inference, run_directory
from tfcourse.hyperparameters import Hyperparameters, text
from tfcourse.system import files, shipped

_MNIST = ((28, 28, 1), 255)  # Shape and largest value of its images.
_PHOTOS, _SIDE = 40, 32  # Per class; pixels.


@dataclasses.dataclass(frozen=True)
class Example(Hyperparameters):
    output: str = text(None, "digits.npz, penguins.csv or photos, in any folder.")
    run_dir: str = text(
        "runs/mnist_softmax/latest",
        "Run whose model the digits must fit; if there is none, they look like MNIST's.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        path = run_directory.output(self.output, "output")
        if path.name not in WRITERS:
            close = difflib.get_close_matches(path.name, WRITERS, n=1)
            advice = f". Did you mean {path.with_name(close[0])}?" if close else ""
            names = ", ".join(WRITERS)
            raise ValueError(f"`output` must be one of {names}. Received: {path}{advice}")
        if path.name != "digits.npz" and self.run_dir != Example.run_dir:
            raise ValueError(f"`run_dir` has no effect on {path.name}. Leave it out")
        if path.exists():
            raise ValueError(
                f"`output`: {path} already exists. Remove it, or write to another folder"
            )
        if not path.absolute().parent.is_dir():
            raise ValueError(f"`output`: {path.parent} is not a folder; create it first")


def digits(path: pathlib.Path, run_dir: str) -> str:
    """Writes the 270 test images of scikit-learn's digits; returns a description."""
    (shape, maximum), run = _expected(run_dir)
    split = datasets.load("digits").test
    features = np.asarray(split.features)
    images = np.rint(features * 16).astype(np.uint8)
    if (shape, maximum) != ((8, 8, 1), 16):
        images = np.concatenate([_enlarged(image, shape) for image in features])
        images = np.rint(images * maximum).astype(np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=images, y=split.labels)
    files.write_file(path, buffer.getvalue(), durable=False)
    height, width, _ = shape
    return f"{len(images)} digits of {height} x {width} pixels, in the format of {run}"


def _expected(run_dir: str) -> tuple[tuple[tuple[int, ...], int], str]:
    """Returns `(shape, largest value)` of a run's images, and its name."""
    try:
        record = inference.read(command_line.run_named(run_dir))
    except command_line.UsageError:  # No run is there yet.
        if run_dir != Example.run_dir:
            raise
        return _MNIST, "MNIST"
    fitted = record.preprocessing
    kind = datasets.preprocessing.ImagePreprocessing
    if isinstance(fitted, kind) and fitted.input_shape[2] == 1:
        return (fitted.input_shape, fitted.maximum), str(record.path)
    raise command_line.UsageError(
        f"`run_dir`: {record.path} takes inputs of shape {fitted.input_shape}, not gray images"
    )


def _enlarged(image: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Returns a digit with the size and position of MNIST's digits."""
    smooth = Image.fromarray(image[:, :, 0]).resize((80, 80), Image.Resampling.BICUBIC)
    ink = np.clip(np.asarray(smooth, np.float64), 0.0, 1.0)
    return drawing.features_of(np.where(ink < 0.1, 0.0, ink), shape)


def penguins(path: pathlib.Path, _: str) -> str:
    """Writes the table of configs/classify.penguins.flags; returns a description."""
    content = shipped.find("configs/data/penguins.csv").read_bytes()
    files.write_file(path, content, durable=False)
    return (
        f"a table of {len(content.splitlines()) - 1} penguins; its column species has the classes"
    )


def photos(path: pathlib.Path, _: str) -> str:
    """Writes small drawn images of two classes; returns a description."""
    generator = np.random.default_rng(1)
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    for name in ("disk", "square"):
        (path / name).mkdir(parents=True)
        for number in range(_PHOTOS):
            y, x, radius = *generator.uniform(11, 21, 2), generator.uniform(5, 9)
            apart = np.stack([rows - y, columns - x])
            distance = np.hypot(*apart) if name == "disk" else np.abs(apart).max(axis=0)
            colour = np.where(distance < radius, generator.uniform(140, 255), 40)
            pixels = np.clip(colour + generator.normal(0, 10, colour.shape), 0, 255)
            image = Image.fromarray(pixels.astype(np.uint8)).convert("RGB")
            image.save(path / name / f"{number:02}.png")
    return f"{2 * _PHOTOS} images in two folders, one per class: disk and square"


WRITERS: dict[str, Callable[[pathlib.Path, str], str]] = {
    "digits.npz": digits,
    "penguins.csv": penguins,
    "photos": photos,
}


def main(example: Example) -> None:
    path = files.expanded(example.output)
    print(f"{path}: {WRITERS[path.name](path, example.run_dir)}")


if __name__ == "__main__":
    command_line.run_tool(main, Example)

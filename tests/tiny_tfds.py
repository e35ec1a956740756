"""Small sets in the form of TensorFlow Datasets, generated without files or network."""

import os
import pathlib
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

Example = dict[str, Any]
NUM_EXAMPLES = 60
CLASS_NAMES = ["left", "middle", "right"]


def example(index: int) -> Example:
    image = np.full((4, 4, 1), index, np.uint8)
    return {"image": image, "label": CLASS_NAMES[index % 3]}


class TinyShapes(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.2.3")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(4, 4, 1)),
                    "label": tfds.features.ClassLabel(names=CLASS_NAMES),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterable[tuple[int, Example]]]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, Example]]:
        # What tests in other processes watch: one line per preparation that began.
        if log := os.environ.get("TINY_TFDS_LOG"):
            with pathlib.Path(log).open("a") as file:
                file.write("began\n")
        for index in range(NUM_EXAMPLES):
            time.sleep(float(os.environ.get("TINY_TFDS_SLEEP", "0")))
            yield index, example(index)


class TinyFaraway(TinyShapes):
    """Has a file to download, from an address that exists nowhere."""

    URL = "https://example.invalid/tiny.zip"
    url_infos = {  # noqa: RUF012
        URL: tfds.download.checksums.UrlInfo(size=1, checksum="0" * 64, filename="tiny.zip")
    }

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterable[tuple[int, Example]]]:
        dl_manager.download(self.URL)
        return {"train": self._generate_examples()}


class TinyOriginals(TinyShapes):
    """Is made from a file that the person has: one byte for each example's pixels."""

    URL = "https://example.invalid/values.gz"

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterable[tuple[int, Example]]]:
        values = pathlib.Path(dl_manager.download_and_extract(self.URL)).read_bytes()
        return {"train": ((index, example(value)) for index, value in enumerate(values))}


class TinyRagged(TinyShapes):
    """Images of any size."""

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 1)),
                    "label": tfds.features.ClassLabel(names=CLASS_NAMES),
                }
            ),
            supervised_keys=("image", "label"),
        )


class TinyFlowers(TinyShapes):
    """A table: numbers, a text, a class and a vector, some of them missing."""

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "height": np.float32,
                    "colour": tfds.features.Text(),
                    "place": tfds.features.ClassLabel(names=["field", "wood"]),
                    "petals": tfds.features.Tensor(shape=(2,), dtype=np.int64),
                    "species": tfds.features.ClassLabel(names=CLASS_NAMES),
                }
            ),
            supervised_keys=(
                {name: name for name in ("height", "colour", "place", "petals")},
                "species",
            ),
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterable[tuple[int, Example]]]:
        return {
            "train": ((index, flower(index)) for index in range(40)),
            "test": ((index, flower(index)) for index in range(40, 50)),
        }


class TinyUnlabelled(TinyFlowers):
    """A table that names no label."""

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(builder=self, features=super()._info().features)


def flower(index: int) -> Example:
    return {
        "height": np.nan if index == 45 else index / 10,
        "colour": "blue" if index % 5 else "red",
        "place": -1 if index == 46 else index % 2,
        "petals": [index, index**2 % 7],
        "species": index % 3,
    }


class TinyComplete(TinyShapes):
    """Has splits of its own."""

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterable[tuple[int, Example]]]:
        return {
            "train": ((index, example(index)) for index in range(30)),
            "validation": ((index, example(index)) for index in range(30, 36)),
            "test": ((index, example(index)) for index in range(36, 45)),
        }

r"""Exports a trained model with its preprocessing, for programs without tfcourse.

    python -m recipes.export --run_dir=latest --format=litert --output=digits.tflite

It loads the exported model again and compares its predictions on real examples: the run's
validation split, or --input. OUTPUT.json describes inputs, outputs and the comparison.
"""

import dataclasses
import json
import os
import pathlib
from typing import Any

import tfcourse
from recipes.evaluate import refuse_data_beside_input
from tfcourse import command_line, run_directory
from tfcourse.hyperparameters import Hyperparameters, choice, text
from tfcourse.system import files, quiet_import

FORMATS = ("saved_model", "litert", "onnx")
_SUFFIXES = {".tflite": "litert", ".onnx": "onnx"}
_NUM_COMPARED = 256


@dataclasses.dataclass(frozen=True)
class Export(Hyperparameters):
    run_dir: str = text(None, "Run directory, `latest`, or a sweep's, for its best trial.")
    format: str = choice("saved_model", FORMATS, "Format to write.")
    output: str = text(None, "File, or folder of a SavedModel, to write; it must not exist.")
    input: str = text("", "Examples for the comparison, as for recipes.predict.")
    data_dir: str = text("", "Folder with the original or prepared data files.")
    recipe: str = text("", "Module of the recipe, if it is not in `recipes`.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.path.name:
            raise ValueError(f"`output` must name a file or folder. Received: {self.output!r}")
        run_directory.output(description_of(self.path), "output")  # Its name is the longer one.
        if os.path.lexists(self.path) or os.path.lexists(description_of(self.path)):
            raise ValueError(f"`output`: {self.output} already exists; name another")
        if not self.path.parent.is_dir():
            raise ValueError(f"`output`: {self.path.parent} is not a folder; create it first")
        called = _SUFFIXES.get(self.path.suffix, self.format)
        refuse_data_beside_input(self.input, self.data_dir)
        if called != self.format:
            raise ValueError(
                f"`output`: {self.output} is named like a {called} file, but `format` is "
                f"{self.format}. Add `format={called}`, or name another `output`"
            )

    @property
    def path(self) -> pathlib.Path:
        """`output` as an absolute path."""
        return files.expanded(self.output).absolute()


def description_of(path: pathlib.Path) -> pathlib.Path:
    """Returns the path of the file that describes the export at `path`."""
    return path.with_name(f"{path.name}.json")


def table(result: dict[str, Any]) -> list[str]:
    """Returns the lines of a table of the measurements."""
    milliseconds = result["median_milliseconds"]
    row = {
        "format": result["format"],
        "size": f"{result['bytes'] / 1e3:,.1f} kB",
        **{f"{n} example{'s' * (n != '1')}": f"{ms:.2f} ms" for n, ms in milliseconds.items()},
        "largest difference": f"{result['largest_difference']:.1g}",
        "run by": result["runtime"],
    }
    return command_line.aligned([list(row), list(row.values())])


def main(asked: Export) -> None:
    inference = tfcourse.inference
    run_dir = command_line.run_named(asked.run_dir)
    inference.read(run_dir)  # Refuses what is no run before TensorFlow loads.
    quiet_import.import_tensorflow()
    inference.check_installed(asked.format)
    classifier = inference.load_run(run_dir, asked.recipe or None)
    if asked.input:
        features = classifier.preprocessing.read(asked.input, labels=False).features
    else:
        split = inference.load_split(classifier, "validation", asked.data_dir or None)
        features = split.features[:_NUM_COMPARED]
    result = inference.export(classifier, asked.format, asked.path, features[:_NUM_COMPARED])
    content = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    files.write_file(description_of(asked.path), content, durable=False)
    print("\n".join(table(result)))
    print(f"On {result['compared_examples']} examples, {asked.path} predicts the same as the run")


if __name__ == "__main__":
    command_line.run_tool(main, Export)

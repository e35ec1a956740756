import pathlib
import re

from tfcourse.training import keras_internals


def test_nothing_else_reaches_into_keras():
    private = r"\b(?:model|twin|optimizer|layer|callback|variable)\._(?!get_variable_index)\w+"
    internal = re.compile(private + r"|keras\.src|tensorflow\.python")
    package = pathlib.Path(keras_internals.__file__).parents[1]
    found = [
        f"{path.relative_to(package)}: {hit}"
        for path in package.rglob("*.py")
        if not path.name.endswith("_internals.py")
        for hit in internal.findall(path.read_text())
    ]
    # Our own optimizers' slots.
    assert found == ["training/nudging.py: optimizer._weighted_sums"]

"""Who takes part in `benchmarks.training`: each module trains the same models in its own way.

A module has `prepare(task, arrays)`, which returns what it trains on, and
`run(task, data, pace)`, which trains epoch after epoch while the pace says so. Importing this
imports no framework; a worker imports the one module of its contestant.
"""

import dataclasses
import importlib.util


@dataclasses.dataclass(frozen=True)
class Contestant:
    """What the driver has to know of a contestant without importing its framework."""

    label: str
    module: str
    variant: str
    packages: tuple[str, ...]
    models: tuple[str, ...] = ()  # All of them where none is named.

    @property
    def is_installed(self) -> bool:
        """Whether its framework can be imported."""
        return all(importlib.util.find_spec(package) for package in self.packages)


_KERAS = ("tensorflow", "keras")
_TORCH = ("torch",)
_JAX = ("jax",)
_DENSE = ("softmax_regression", "batch_norm_mlp")

CONTESTANTS = {
    "tfcourse": Contestant("tfcourse", "tfcourse_fit", "float32", _KERAS),
    "tfcourse_bfloat16": Contestant("tfcourse, bfloat16", "tfcourse_fit", "mixed_bfloat16", _KERAS),
    "fit": Contestant("Keras fit, arrays", "keras_fit", "arrays", _KERAS),
    "fit_guide": Contestant("Keras fit, TFDS guide", "keras_fit", "guide", _KERAS),
    "fit_tuned": Contestant("Keras fit, tuned", "keras_fit", "tuned", _KERAS),
    "keras_jax": Contestant("Keras on JAX, scanned", "keras_jax", "", ("keras", "jax"), _DENSE),
    "torch_example": Contestant("PyTorch, example", "torch_loop", "example", _TORCH),
    "torch_resident": Contestant("PyTorch, resident", "torch_loop", "resident", _TORCH),
    "torch_compiled": Contestant("PyTorch, compiled", "torch_loop", "compiled", _TORCH),
    "torch_bfloat16": Contestant("PyTorch, bfloat16", "torch_loop", "bfloat16", _TORCH),
    "jax": Contestant("JAX, scanned", "jax_epoch", "", _JAX),
    "jax_ordered": Contestant("JAX, as tfcourse does", "jax_epoch", "ordered", _JAX, _DENSE),
}

# Each times the matrix products of a step one by one; the floor is the sum of the fastest.
FLOOR = {
    "floor_numpy": Contestant("NumPy", "matrix_products", "numpy", ("numpy",)),
    "floor_torch": Contestant("PyTorch", "matrix_products", "torch", ("torch",)),
    "floor_xla": Contestant("XLA", "matrix_products", "xla", ("jax",)),
}

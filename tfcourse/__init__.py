"""Training recipes in TensorFlow and Keras, grown out of a deep-learning course.

The parts are submodules that load when first used, so `import tfcourse` costs nothing and a
recipe can check its flags before TensorFlow is imported:

    >>> import tfcourse
    >>> optimizer = tfcourse.optimizers.Momentum(learning_rate=0.1)  # TensorFlow is imported here.
"""

import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfcourse import (
        averages,
        batching,
        choices,
        command_line,
        datasets,
        diagnosis,
        drawing,
        exercises,
        from_scratch,
        gradient_tape,
        hyperparameters,
        inference,
        landscapes,
        layers,
        measures,
        models,
        optimizers,
        reports,
        run_directory,
        scales,
        schedules,
        training,
        tuning,
    )

__version__ = "0.3.0"

__all__ = [
    "averages",
    "batching",
    "choices",
    "command_line",
    "datasets",
    "diagnosis",
    "drawing",
    "exercises",
    "from_scratch",
    "gradient_tape",
    "hyperparameters",
    "inference",
    "landscapes",
    "layers",
    "measures",
    "models",
    "optimizers",
    "reports",
    "run_directory",
    "scales",
    "schedules",
    "training",
    "tuning",
]


if not TYPE_CHECKING:  # Otherwise, editors would accept a misspelt part.

    def __getattr__(name: str) -> types.ModuleType:
        if name in __all__:
            from tfcourse.system.quiet_import import import_part

            return import_part(f"tfcourse.{name}")
        raise AttributeError(f"module 'tfcourse' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

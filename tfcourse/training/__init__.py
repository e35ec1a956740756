"""Training of one model: fast epochs, checkpoints, resume, evaluation, records."""

from typing import TYPE_CHECKING, Any

from tfcourse.run_directory.environment import environment
from tfcourse.training.batch_norm import reestimate_batch_norm
from tfcourse.training.checkpoints.identity import split_digest
from tfcourse.training.checkpoints.model_files import load_weights, save_model
from tfcourse.training.checkpoints.saved_arrays import CheckpointError
from tfcourse.training.class_weighting import balanced_class_weights
from tfcourse.training.compilation.programs import shared_programs
from tfcourse.training.compilation.replicated import WorkerLostError, on_devices
from tfcourse.training.compilation.reuse import built_for, reused_models
from tfcourse.training.compilation.stepping import RateTable, Stepping
from tfcourse.training.evaluation import Evaluator, evaluate, predict
from tfcourse.training.input_checks import NotFiniteError
from tfcourse.training.interruption import Interrupted
from tfcourse.training.learning_rate_finder import find_learning_rate
from tfcourse.training.loop import fit
from tfcourse.training.memory import peak_bytes, within_memory
from tfcourse.training.preparation import (
    compile_classifier,
    compile_for,
    compile_regression,
    set_precision,
    set_seed,
)
from tfcourse.training.results import final_metrics, provenance, summary

if TYPE_CHECKING:
    from tfcourse.diagnosis import diagnose
else:

    def __getattr__(name: str) -> Any:
        if name != "diagnose":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from tfcourse.diagnosis import diagnose  # Here, because it loads matplotlib.

        return diagnose


__all__ = [
    "CheckpointError",
    "Evaluator",
    "Interrupted",
    "NotFiniteError",
    "RateTable",
    "Stepping",
    "WorkerLostError",
    "balanced_class_weights",
    "built_for",
    "compile_classifier",
    "compile_for",
    "compile_regression",
    "diagnose",
    "environment",
    "evaluate",
    "final_metrics",
    "find_learning_rate",
    "fit",
    "load_weights",
    "on_devices",
    "peak_bytes",
    "predict",
    "provenance",
    "reestimate_batch_norm",
    "reused_models",
    "save_model",
    "set_precision",
    "set_seed",
    "shared_programs",
    "split_digest",
    "summary",
    "within_memory",
]


def __dir__() -> list[str]:
    return __all__

"""The folder with all files of one run, written so that a kill leaves no incomplete file.

flags.txt       the flags that can affect a result; `--flagfile=flags.txt` runs it again
history.csv     one row per epoch
metrics.json    the final numbers; its presence means that the run is finished
model_card.md   the model card: what the model is, its results and its limits
model.keras     the epoch with the best validation accuracy, and its sha256 beside it
model.txt       its layers, as Keras's `summary` shows them
compiled.json   its optimizer, loss and metrics, if they are not Keras's own
weights.arrays  its weights alone, as plain arrays
preprocessing.json  how raw examples become its input
curves.png      loss and accuracy by epoch
nudges.jsonl    what was changed during training; nudge_requests/ receives the requests
journal.jsonl   of a sweep: all trials and their results
trials.csv      the same as a table; curves.csv, report.html and best.flags are derived too
trials/         the run directories of a sweep's best trials; best links to the best one
tensorboard/    loss and accuracy for TensorBoard
checkpoints/    what a resumed run continues from
run.lock        held by the process that writes here
"""

from tfcourse.run_directory.best import BEST
from tfcourse.run_directory.flag_records import (
    FLAGS,
    MAX_FLAGS_BYTES,
    NOT_COMPARED,
    SCHEDULE_DIGEST,
    ChangedFlagsError,
    Flags,
    flags_text,
    parse_flags,
)
from tfcourse.run_directory.flag_records import read as recorded_flags
from tfcourse.run_directory.folder import (
    JOURNAL,
    LOCK,
    MAX_METRICS_BYTES,
    METRICS,
    MODEL_CARD,
    PREPROCESSING,
    RunDirectoryError,
    check_folders,
    is_in_use,
    output,
)
from tfcourse.run_directory.history import read_history
from tfcourse.run_directory.run import RunDirectory, RunFinished, open_run, open_search

__all__ = [
    "BEST",
    "FLAGS",
    "JOURNAL",
    "LOCK",
    "MAX_FLAGS_BYTES",
    "MAX_METRICS_BYTES",
    "METRICS",
    "MODEL_CARD",
    "NOT_COMPARED",
    "PREPROCESSING",
    "SCHEDULE_DIGEST",
    "ChangedFlagsError",
    "Flags",
    "RunDirectory",
    "RunDirectoryError",
    "RunFinished",
    "check_folders",
    "flags_text",
    "is_in_use",
    "open_run",
    "open_search",
    "output",
    "parse_flags",
    "read_history",
    "recorded_flags",
]

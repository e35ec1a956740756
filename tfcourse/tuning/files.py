"""The files derived from a sweep's journal, written from time to time and at the end."""

import warnings

from tfcourse import reports, run_directory
from tfcourse.system.due import Due
from tfcourse.tuning import report
from tfcourse.tuning.confirmation import confirmation_of
from tfcourse.tuning.driver import Driver
from tfcourse.tuning.records import Chosen

_SECONDS = 5.0  # At least, between two writes of the tables.


class SweepFiles:
    """Keeps trials.csv, curves.csv and best.flags up to date while a sweep runs."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._num_changes = -1
        self._due = Due(at_least=_SECONDS)

    def __enter__(self) -> "SweepFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self._write()  # Also after an interruption, but without the report, which takes seconds.

    def update(self) -> None:
        """Writes the tables if there are new results and the last write is long enough ago."""
        num_changes, is_first = len(self._driver.sweep.changes), self._num_changes < 0
        if num_changes != self._num_changes and (is_first or self._due.is_now()):
            with self._due.writing():
                self._write()
            self._num_changes = num_changes

    def _write(self) -> None:
        sweep, run = self._driver.sweep, self._driver.run
        run.write("trials.csv", report.trials_csv(sweep), durable=False)
        run.write("curves.csv", report.curves_csv(sweep), durable=False)
        best_flags = self._driver.best_flags()
        if best_flags:
            run.write("best.flags", best_flags, durable=False)

    def finish(self) -> None:
        """Writes all files, including the report, TensorBoard's files and the model cards."""
        with warnings.catch_warnings():
            # In a notebook, Optuna's progress bar, which is not used, warns about ipywidgets.
            warnings.filterwarnings("ignore", "IProgress not found")
            from tfcourse.tuning.report.page import write_sweep_report  # Takes seconds to load.

        self._write()
        sweep, folder = self._driver.sweep, self._driver.run.path
        report.write_hparams(sweep, folder / "tensorboard")
        write_sweep_report(sweep, folder / "report.html", self._driver.declarations)
        if sweep.chosen is not None:
            self._write_model_cards(sweep.chosen, str(confirmation_of(sweep) or ""))

    def _write_model_cards(self, chosen: Chosen, confirmed: str) -> None:
        """Writes a model card for each replicate of the chosen trial, into its folder."""
        for replicate, metrics in enumerate(chosen.metrics):
            task = self._driver.task(chosen.trial, replicate)
            trial = run_directory.RunDirectory(task.folder)
            if reports.has_model_card(metrics) and trial.path.is_dir():
                card = reports.model_card(task.recipe, task.flags, metrics, confirmed)
                trial.write(run_directory.MODEL_CARD, card)

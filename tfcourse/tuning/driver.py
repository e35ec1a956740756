"""Runs a sweep: asks for trials, lets workers train them, and records the results.

The journal is the only source of truth. The driver's state in memory follows from it, so a sweep
continues after any kill, with any number of workers: no trial with a result is trained again, and
the same points are tried in the same order.
"""

import collections
import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from tfcourse import hyperparameters as hp
from tfcourse import run_directory
from tfcourse.tuning import folders, records, sweeps
from tfcourse.tuning.confirmation import confirmation_of
from tfcourse.tuning.journal import Journal
from tfcourse.tuning.points import Points
from tfcourse.tuning.settings import Settings, continued
from tfcourse.tuning.standings import Standings
from tfcourse.tuning.task import (
    TICK_SECONDS,
    EnvironmentFaultError,
    Key,
    Outcome,
    Plan,
    Pool,
    Task,
    task_of,
)
from tfcourse.tuning.testing import tested

# If this many first trials all fail for one reason, the others would fail too.
_SAME_REASON = 5
# Called with the state and the running trainings whenever something happens, and several times per
# second.
Watch: TypeAlias = Callable[[sweeps.Sweep, list[sweeps.Running]], None]


class AllTrialsFailedError(Exception):
    """The first trials all failed for the same reason; the message states it."""

    exit_code = 1


class Driver:
    """Runs a sweep; the only writer of its journal.

    Attributes:
        run: the sweep's run directory.
        sweep: the state of the sweep.
        declarations: those of the hyperparameters.
    """

    def __init__(
        self,
        run: run_directory.RunDirectory,
        journal: Journal,
        declarations: Mapping[str, hp.Declaration],
        settings: Settings,
        plan: Plan,
    ) -> None:
        self.run = run
        self._journal = journal
        self.declarations = declarations
        self._plan = plan
        self._deadline = time.monotonic() + 60 * (plan.max_minutes or float("inf"))
        self.sweep = sweeps.read(run.path / run_directory.JOURNAL, journal.records)
        self._running: dict[Key, sweeps.Running] = {}
        folders.check(run.path, len(self.sweep.trials))
        self._begin_phase(settings)
        self._standings = Standings(self.sweep)
        self._unkept = set(self._standings.finished)
        self._enough = min(_SAME_REASON, settings.trials)
        self._void_if_all_failed()
        self._points = Points(self.sweep, self.values_of, declarations)
        self._waiting = collections.deque(
            (each.number, replicate)
            for each in self.sweep.trials
            for replicate in self.sweep.missing(each)
        )

    def _append(self, *new: records.Record) -> None:
        self._journal.append(*(record.to_json() for record in new))
        for record in new:
            self.sweep.apply(record)

    def _begin_phase(self, settings: Settings) -> None:
        if self.sweep.phases and self.sweep.trials:
            before = self.sweep.settings
            if settings.data != before.data:
                raise run_directory.ChangedFlagsError(
                    f"{self.run.path} holds a search on {before.dataset}, whose scores can't be "
                    f"compared with those on other data. Received: {settings.dataset}, or another "
                    "way to read it"
                )
        if self.sweep.phases:
            settings = continued(self.sweep.settings, settings)
        if not self.sweep.phases or self.sweep.settings != settings:
            self._append(settings)

    def _void_if_all_failed(self) -> None:
        """Clears all trials if all failed for one reason, so that they start again."""
        if self._standings.common_reason(self._enough):
            numbers = [t.number for t in self.sweep.finished()]
            self._append(records.Void(numbers))
            self._standings.update()
            for number in numbers:
                folders.remove(self.run.path, number)

    def _ask(self) -> None:
        """Asks for all trials that can be asked for now, and records them at once."""
        asks = self._points.ask(is_busy=bool(self._waiting or self._running))
        if asks:
            self._append(*asks)
            self._waiting.extend(
                (ask.trial, replicate) for ask in asks for replicate in range(self.sweep.replicates)
            )

    def train(self, pool: Pool, watch: Watch = lambda sweep, running: None) -> bool:
        """Trains trials in the workers of `pool` until all are done, or the time is up.

        Then trains the best one again with new seeds, to confirm it.

        Returns:
            Whether all are done.

        Raises:
            AllTrialsFailedError: the first trials all failed for the same reason.
            EnvironmentFaultError: a worker could not write a file, or could not load the data.
        """
        watch(self.sweep, [])  # Tells trials that were done before from those that end at once.
        while True:
            self._ask()
            if not self._waiting and not self._running:
                self._waiting.extend(self.unconfirmed())
            is_done = not self._waiting and not self._running
            if is_done or time.monotonic() > self._deadline:
                self._remove_folders()
                return is_done
            free = pool.num_free
            while self._waiting and free > 0:
                free -= self._submit(pool, *self._waiting.popleft())
            self._remove_folders()  # Takes longer than a flush, but the workers are busy.
            self._take_outcomes(pool)
            watch(self.sweep, list(self._running.values()))

    def _take_outcomes(self, pool: Pool) -> None:
        """Waits briefly for an outcome, and records it and all others that have arrived.

        They are flushed to the disk together, before the driver acts on them.
        """
        outcome = pool.next_outcome(TICK_SECONDS)
        with self._journal.flushed_once():
            while outcome:
                self._record(*outcome)
                outcome = pool.next_outcome(0.0) if self._running else None

    def unconfirmed(self) -> list[Key]:
        """Returns the confirming trainings of the best trial that are not done."""
        first = self.sweep.first_confirming
        return [
            (best.number, number)
            for best in self._standings.best(1)
            for number in range(first, first + self._plan.confirm)
            if number not in best.confirmations
        ]

    def _confirms(self, key: Key) -> bool:
        return key[1] >= self.sweep.first_confirming

    def _submit(self, pool: Pool, number: int, replicate: int) -> bool:
        """Submits a training, unless it is no longer needed; returns whether it did."""
        key, missing = (number, replicate), self.sweep.missing(self.sweep.trials[number])
        if replicate not in missing and not self._confirms(key):
            return False  # Another replicate was infeasible or pruned.
        self._running[key] = sweeps.Running(number, replicate, time.time())
        pool.submit(key, "run", self.task(number, replicate))
        return True

    def _record(self, key: Key, outcome: Outcome | None) -> None:
        del self._running[key]
        number, replicate = key
        if outcome is None:
            self._append(records.Lost(number))
            if self.sweep.num_lost[number] < sweeps.MAX_LOST:
                self._waiting.appendleft(key)
                return
            reason = f"lost: its worker died {sweeps.MAX_LOST} times, perhaps for lack of memory"
            outcome = Outcome(records.Result(sweeps.INFEASIBLE, reason))
        if outcome.fault is not None:
            raise EnvironmentFaultError(f"trial {number}: {outcome.result.reason}", outcome.fault)
        kind = records.Confirmed if self._confirms(key) else records.Finished
        told = kind(number, replicate, outcome.result)
        self._append(*self._new_data(number, outcome), told)
        self._standings.update()
        self._unkept.add(number)
        common = self._standings.common_reason(self._enough)
        if common:
            count = len(self._standings.finished)
            raise AllTrialsFailedError(f"all of the first {count} trials failed: {common}")

    def _new_data(self, number: int, outcome: Outcome) -> list[records.Data]:
        """Returns the record of the data that a trial was trained on, unless there is one.

        Raises:
            EnvironmentFaultError: the data differs from that of earlier trials.
        """
        before = self.sweep.digests
        if outcome.digests is None or outcome.digests == before:
            return []
        if before is not None:
            raise EnvironmentFaultError(
                f"trial {number}: expected the data of the earlier trials; received other data. "
                "Restore it, or name another `run_dir`",
                exit_code=3,
            )
        return [records.Data(outcome.digests)]

    def _remove_folders(self) -> None:
        """Removes the folders of trials that are not among the best."""
        kept = {each.number for each in self._standings.best(self._plan.keep_models)}
        for each in self._unkept - kept:
            at_work = any(number == each for number, _ in self._running)
            if not at_work and not self.sweep.missing(self.sweep.trials[each]):
                folders.remove(self.run.path, each)
                self._unkept.discard(each)

    def choose(self, pool: Pool) -> records.Chosen:
        """Evaluates the best trial on the test set, once.

        Returns:
            The trial's number, and the metrics of each of its replicates.

        Raises:
            AllTrialsFailedError: no trial has a score.
            EnvironmentFaultError: the workers die while they evaluate it.
        """
        best = self.sweep.best
        if best is None:
            raise AllTrialsFailedError(
                f"no trial was completed with a finite {self.sweep.objective}; trials.csv and "
                "curves.csv say why"
            )
        chosen = self.sweep.chosen
        replicates = self.sweep.replicates
        if chosen is None or (chosen.trial, len(chosen.metrics)) != (best.number, replicates):
            tasks = [((best.number, r), self.task(best.number, r)) for r in range(replicates)]
            chosen = records.Chosen(best.number, tested(pool, tasks))
            self._append(chosen)
        folders.name_best(self.run.path, best.number)  # A kill may have prevented it.
        return chosen

    def best_flags(self) -> str:
        """Returns a flagfile that retrains the best trial; "" if there is none."""
        best = next(iter(self._standings.best(1)), None)
        if best is None:
            return ""
        score = f"{self.sweep.objective} {self.sweep.score(best):.6g}"
        spread = self.sweep.spread(best)
        if spread is not None:
            score += f" +- {spread:.2g} over {self.sweep.replicates} seeds"
        header = f"# Trial {best.number}, the best of {len(self._standings.finished)}: {score}.\n"
        confirmed = confirmation_of(self.sweep)
        if confirmed:
            header += f"# {confirmed}.\n"
        flags = self.task(best.number, 0).flags
        if self._plan.data_dir:
            flags = {**flags, "data_dir": [os.fspath(self._plan.data_dir)]}
        return run_directory.flags_text(
            flags, self.sweep.settings.module, header, name="best.flags"
        )

    def task(self, number: int, replicate: int) -> Task:
        """Returns the task of one replicate of a trial, for a worker."""
        each = self.sweep.trials[number]
        folder = folders.trial_folder(self.run.path, number) / str(replicate)
        settings = self.sweep.phases[each.phase]
        values = self.values_of(each)
        if self._confirms((number, replicate)):  # Pruned trainings would bias the mean.
            each = dataclasses.replace(each, thresholds={})
        return task_of(settings, each, values, replicate, folder, self._plan)

    def values_of(self, each: sweeps.Trial) -> dict[str, str]:
        """Returns `{name: text}` of a trial's hyperparameters with an effect, as flag values."""
        texts = dict(self.sweep.phases[each.phase].base)
        for name, value in each.values.items():
            texts[name] = self.declarations[name].format(value)
        if "epochs" in each.note:
            texts["epochs"] = str(each.note["epochs"])
        return {name: text for name, text in texts.items() if self._matters(name, texts)}

    def _matters(self, name: str, texts: Mapping[str, str]) -> bool:
        condition = self.declarations[name].active_when
        if condition is None:
            return True
        chooser, allowed = condition
        text = texts.get(chooser)  # It may be optional.
        return text is not None and self.declarations[chooser].parse(text) in allowed

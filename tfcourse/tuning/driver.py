"""Runs a sweep: asks for trials, has workers train them, and writes down what came of it.

The journal is the only truth. Whatever the driver holds in memory follows from it, so that a
sweep goes on where any kill has left it, at any number of workers: nothing that has a result is
trained again, and the same points are tried in the same order.
"""

import collections
import dataclasses
import itertools
import os
import shutil
import statistics
import time

from tfcourse import datasets, run_directory
from tfcourse.tuning import choosing
from tfcourse.tuning import state as sweeps

TRIALS = "trials"
# If the first trials all fail for one reason, so will the others.
_SAME_REASON = 5
_TICK_SECONDS = 0.25


class AllTrialsFailedError(Exception):
    """The first trials all failed for the same reason; the message says which."""

    exit_code = 1


class EnvironmentFaultError(Exception):
    """A worker's machine could not do its part: disk, memory, permission or data."""

    exit_code = 5


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a sweep is run, none of which changes what comes out.

    Attributes:
        data_dir: folder that holds the data's files, or `None`.
        path: folder that the recipe's module is found in, or "" where it is installed.
        keep_models: int >= 0, of so many of the best trials the checkpoints stay.
        max_minutes: float, after which no more is begun; 0 for no limit.
    """

    data_dir: str | None = None
    path: str = ""
    keep_models: int = 3
    max_minutes: float = 0.0


class Driver:
    """The only writer of a sweep's journal.

    Args:
        run: the sweep's open `RunDirectory`.
        journal: its open `journal.Journal`.
        declarations: `{name: Declaration}` of the recipe's hyperparameters.
        settings: dict, the phase of `sweeps.Sweep` that is asked for.
        plan: `Plan`.

    Attributes:
        sweep: `sweeps.Sweep`, the state.
    """

    def __init__(self, run, journal, declarations, settings, plan):
        self._run = run
        self._journal = journal
        self._declarations = declarations
        self._plan = plan
        self._deadline = time.monotonic() + 60 * (plan.max_minutes or float("inf"))
        self.sweep = sweeps.Sweep.from_records(journal.records)
        self._running = {}
        self._unkept = {each.number for each in self.sweep.finished()}
        self._begin_phase(settings)
        self._void_if_all_failed()
        self._replay()

    def _append(self, *records):
        self._journal.append(*records)
        for record in records:
            self.sweep.apply(record)

    def _begin_phase(self, settings):
        record = {"kind": "sweep", **settings}
        if not self.sweep.phases or self.sweep.settings != record:
            self._append(record)

    def _void_if_all_failed(self):
        """Lets trials start again that had all failed for one reason, mended since."""
        if self._common_reason():
            numbers = [t.number for t in self.sweep.finished()]
            self._append({"kind": "void", "trials": numbers})
            for number in numbers:
                shutil.rmtree(self._trial_folder(number), ignore_errors=True)

    def _common_reason(self):
        finished = self.sweep.finished()
        reasons = {self.sweep.reason(t).partition(":")[0] for t in finished}
        enough = len(finished) >= min(_SAME_REASON, self.sweep.settings["trials"])
        if enough and len(reasons) == 1 and "" not in reasons:
            return self.sweep.reason(finished[0])
        return None

    def _replay(self):
        """Brings the oracle to where the journal has left it."""
        phases, first_phase = self.sweep.phases, len(self.sweep.phases) - 1
        while first_phase and choosing.is_same_search(phases[first_phase - 1], phases[-1]):
            first_phase -= 1
        mine = [t for t in self.sweep.trials if t.phase >= first_phase]
        self._first = mine[0].number if mine else len(self.sweep.trials)
        self._num_told = self._first
        self._chooser = choosing.Chooser(self.sweep.settings, self.sweep.space, self._first)
        for _, generation in itertools.groupby(mine, key=lambda t: t.generation):
            self._tell()
            for each in generation:
                self._chooser.replay(each.positions)
        self._waiting = collections.deque(
            (each.number, replicate)
            for each in self.sweep.trials
            for replicate in self.sweep.missing(each)
        )

    def _tell(self):
        """Tells the oracle what has come of the trials that it chose so far, in their order."""
        num_asked = self._first + self._chooser.num_trials
        for each in self.sweep.trials[self._num_told : num_asked]:
            self._chooser.tell(each.number, choosing.signed(self.sweep, self._score(each)))
        self._num_told = num_asked

    def _score(self, each):
        """Returns the score of a finished trial; one that was pruned has the one it reached."""
        if self.sweep.status(each) == sweeps.INFEASIBLE:
            return None
        scores = self.sweep.scores(each)
        return statistics.fmean(scores) if scores else None

    def _ask(self):
        """Asks for all trials that can be asked for now, and writes them down at once."""
        settings, asked = self.sweep.settings, len(self.sweep.trials)
        wanted = settings["trials"] - asked
        generation = 0
        if choosing.asks_in_generations(settings):
            if self._waiting or self._running:
                return
            self._tell()
            size = settings["generation_size"]
            wanted = min(wanted, size - (asked - self._first) % size)
            generation = self.sweep.trials[-1].generation + 1 if self.sweep.trials else 0
        bars = choosing.thresholds(self.sweep, asked) if wanted > 0 else {}
        records = []
        for number in range(asked, asked + wanted):
            point = self._chooser.ask()
            if point is None:
                break
            records.append(self._ask_record(number, generation, bars, *point))
        if records:
            self._append(*records)
            self._waiting.extend(
                (record["trial"], replicate)
                for record in records
                for replicate in range(self.sweep.replicates)
            )

    def _ask_record(self, number, generation, bars, positions, note):
        every = {axis.name: positions.get(axis.name, 0.5) for axis in self.sweep.space.axes}
        return {
            "kind": "ask",
            "trial": number,
            "values": self.sweep.space.values_at(every),
            "positions": positions,
            "generation": generation,
            "note": note,
            "thresholds": bars,
        }

    def train(self, pool, watch=lambda sweep, running: None):
        """Trains trials in the workers of `pool` until all are done, or the time is over.

        Args:
            pool: `workers.Workers`.
            watch: function of `(sweep, running)`, called whenever something has happened and
                several times a second; `running` is a list of dicts.

        Returns:
            Whether all are done.

        Raises:
            AllTrialsFailedError: the first trials failed, all for one reason.
            EnvironmentFaultError: a worker could not write, or not load the data.
        """
        while True:
            self._ask()
            if not self._waiting and not self._running:
                return True
            if time.monotonic() > self._deadline:
                return False
            while self._waiting and pool.num_free > 0:
                self._submit(pool, *self._waiting.popleft())
            outcome = pool.next_outcome(_TICK_SECONDS)
            if outcome:
                self._record(*outcome)
            watch(self.sweep, list(self._running.values()))

    def _submit(self, pool, number, replicate):
        if replicate not in self.sweep.missing(self.sweep.trials[number]):
            return  # Another replicate has shown that the trial is infeasible, or bad.
        self._running[number, replicate] = {
            "trial": number,
            "replicate": replicate,
            "started": time.time(),
        }
        pool.submit((number, replicate), "run", self.task(number, replicate))

    def _record(self, key, result):
        del self._running[key]
        number, replicate = key
        if result is None:
            self._append({"kind": "lost", "trial": number})
            if self.sweep.trials[number].num_lost < sweeps.MAX_LOST:
                self._waiting.appendleft(key)
                return
            reason = f"lost: its worker died {sweeps.MAX_LOST} times, perhaps for want of memory"
            result = {"status": sweeps.INFEASIBLE, "reason": reason, "curve": [], "seconds": 0.0}
        if result["status"] == "environment":
            error = EnvironmentFaultError(f"trial {number}: {result['reason']}")
            error.exit_code = result.get("code", 5)
            raise error
        names = ("status", "reason", "curve", "seconds")
        kept = {name: result[name] for name in names}
        self._append({"kind": "result", "trial": number, "replicate": replicate, **kept})
        self._remove_folders(number)
        self._check_reasons()

    def _check_reasons(self):
        reason = self._common_reason()
        if reason:
            count = len(self.sweep.finished())
            raise AllTrialsFailedError(f"all of the first {count} trials failed: {reason}")

    def _remove_folders(self, number):
        """Removes the folders of trials that are not, or no longer, among the best ones."""
        self._unkept.add(number)
        kept = {each.number for each in self.sweep.ranked()[: self._plan.keep_models]}
        unfinished = {t.number for t in self.sweep.trials if self.sweep.missing(t)}
        for each in self._unkept - kept - unfinished:
            if not any(key[0] == each for key in self._running):
                shutil.rmtree(self._trial_folder(each), ignore_errors=True)
                self._unkept.discard(each)

    def choose(self, pool):
        """Evaluates the best trial on the test set, once.

        Returns:
            The record `chosen`: the trial's number, and the metrics of each of its replicates.
        """
        best = self.sweep.best
        if best is None:
            raise AllTrialsFailedError("no trial was completed; trials.csv says why")
        chosen = self.sweep.chosen
        if chosen is None or chosen["trial"] != best.number:
            keys = [("test", replicate) for replicate in range(self.sweep.replicates)]
            for key in keys:
                pool.submit(key, "test", self.task(best.number, key[1]))
            metrics = {}
            while len(metrics) < len(keys):
                outcome = pool.next_outcome(_TICK_SECONDS)
                if outcome and outcome[1] is None:
                    pool.submit(outcome[0], "test", self.task(best.number, outcome[0][1]))
                elif outcome:
                    metrics[outcome[0][1]] = outcome[1]
            replicates = [metrics[replicate] for replicate in sorted(metrics)]
            self._append({"kind": "chosen", "trial": best.number, "metrics": replicates})
            self._name_best(best.number)
        return self.sweep.chosen

    def _name_best(self, number):
        """Makes `best` a name for the folder of the best trial."""
        name = self._run.path / run_directory.BEST
        name.unlink(missing_ok=True)
        name.symlink_to(self._trial_folder(number).relative_to(self._run.path) / "0")

    def best_flags(self):
        """Returns a flagfile that trains the best trial again."""
        best = self.sweep.best
        score = f"{self.sweep.objective} {self.sweep.score(best):.6g}"
        spread = self.sweep.spread(best)
        if spread is not None:
            score += f" +- {spread:.2g} over {self.sweep.replicates} seeds"
        header = f"# Trial {best.number}, the best of {len(self.sweep.finished())}: {score}.\n"
        flags = self.task(best.number, 0)["flags"]
        return run_directory.flags_text(
            flags, self.sweep.settings["module"], header, name="best.flags"
        )

    def task(self, number, replicate):
        """Returns what a worker has to know to train one replicate of a trial."""
        each = self.sweep.trials[number]
        settings = self.sweep.phases[each.phase]
        seed = choosing.trial_seed(settings["seed"], number, replicate)
        values = self.values_of(each)
        data_flags = settings.get("data_flags", {})
        flags = {name: [text] for name, text in {**values, **data_flags}.items()}
        return {
            "module": settings["module"],
            "function": settings["function"],
            "hyperparameters": settings["hyperparameters"],
            "recipe": settings["recipe"],
            "path": self._plan.path,
            "values": values,
            "seed": seed,
            "flags": {**flags, "seed": [str(seed)], "dataset": [settings["dataset"]]},
            # A worker may have been started elsewhere.
            "dataset": datasets.located(settings["dataset"]),
            "data_dir": self._plan.data_dir and os.path.abspath(self._plan.data_dir),
            "data_flags": data_flags,
            "folder": os.path.abspath(self._trial_folder(number) / str(replicate)),
            "objective": settings["objective"],
            "thresholds": each.thresholds,
        }

    def values_of(self, each):
        """Returns `{name: text}` of all hyperparameters of a trial, as flags read them."""
        texts = dict(self.sweep.phases[each.phase]["base"])
        for name, value in each.values.items():
            texts[name] = self._declarations[name].format(value)
        if "epochs" in each.note:
            texts["epochs"] = str(each.note["epochs"])
        return texts

    def _trial_folder(self, number):
        return self._run.path / TRIALS / f"{number:05d}"


def mean_of(metrics):
    """Returns the metrics of replicates as one dict: of numbers the mean, and of tests the spread.

    Args:
        metrics: list of dicts, one a replicate.
    """
    mean = dict(metrics[0])
    if len(metrics) > 1:
        for name, value in metrics[0].items():
            if isinstance(value, float):
                values = [each[name] for each in metrics]
                mean[name] = statistics.fmean(values)
                mean[f"{name}_spread"] = statistics.stdev(values)
    return mean

"""What of a sweep is told while it runs: how far it is, the best trials, the time left."""

import dataclasses

from tfcourse.tuning import state as sweeps


class Rows:
    """The finished trials of a sweep as rows for people; only what is new is computed."""

    def __init__(self):
        self._known = {}  # By number: the results that a row was made of, and the row.

    def of(self, sweep):
        """Returns a list of dicts, a row a finished trial, by number."""
        known = {}
        for trial in sweep.trials:
            ids = tuple(map(id, trial.results.values()))
            before = self._known.get(trial.number)
            if before and before[0] == ids:
                known[trial.number] = before
            elif ids and sweep.status(trial) != sweeps.UNFINISHED:
                # The results themselves are kept, so that no other object takes their ids.
                known[trial.number] = ids, _row(sweep, trial), [*trial.results.values()]
        self._known = known
        return [row for _, row, _ in known.values()]


@dataclasses.dataclass(frozen=True)
class Progress:
    """A moment of a sweep; nothing in it changes any more."""

    objective: str
    names: list
    planned: int
    replicates: int
    rows: list
    best: list
    running: list
    half_done: float  # Seconds that unfinished trials have already taken.

    @classmethod
    def of(cls, sweep, rows, running, num_best=5):
        """Returns the progress of `sweep`, with its `Rows` and the trainings that go on."""
        sign = 1 if sweeps.is_minimized(sweep.objective) else -1
        scored = [row for row in rows if row["score"] is not None]
        complete = [row for row in scored if row["status"] == sweeps.COMPLETE]
        finished = {row["trial"] for row in rows}
        unfinished = [trial for trial in sweep.trials if trial.number not in finished]
        return cls(
            sweep.objective,
            [axis["name"] for axis in sweep.settings["space"]],
            max(sweep.settings["trials"], len(sweep.trials)),
            sweep.replicates,
            rows,
            sorted(complete, key=lambda row: sign * row["score"])[:num_best],
            [_running_row(sweep, item) for item in running],
            sum(result.seconds for trial in unfinished for result in trial.results.values()),
        )

    def seconds_left(self, now):
        """Returns about how long the rest takes, at the mean of the trials that are done.

        It is `None` where none is done, or nothing runs.
        """
        if not self.rows or not self.running:
            return None
        a_trial = sum(row["seconds"] for row in self.rows) / len(self.rows)
        a_training = a_trial / self.replicates
        running = sum(min(now - row["started"], a_training) for row in self.running)
        left = (self.planned - len(self.rows)) * a_trial - self.half_done - running
        return max(left, 0.0) / len(self.running)


def _row(sweep, trial):
    return {
        "trial": trial.number,
        "label": str(trial.number),
        "status": sweep.status(trial),
        "score": sweep.score(trial),
        "reason": " ".join(sweep.reason(trial).split()),
        "seconds": sum(result.seconds for result in trial.results.values()),
        "values": {name: _short(value) for name, value in trial.values.items()},
    }


def _running_row(sweep, item):
    trial = sweep.trials[item["trial"]]
    label = str(trial.number)
    if sweep.replicates > 1:
        label += f" ({item['replicate'] + 1}/{sweep.replicates})"
    return {
        "label": label,
        "started": item["started"],
        "values": {name: _short(value) for name, value in trial.values.items()},
    }


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else sweeps.format_value(value)


def outcome(row):
    score = "" if row["score"] is None else f"{row['score']:#.4g}"
    return score if row["status"] == sweeps.COMPLETE else f"{row['status']} {score}".strip()


def new_lines(before, state):
    """Yields a line for each trial that is done in `state`, a `Progress`, and was not `before`."""
    if before is None and state.rows:
        # A sweep that goes on tells what is new, not again all that it did.
        yield f"{len(state.rows)} of {state.planned} trials were done before"
        return
    known = {row["trial"] for row in before.rows} if before else set()
    for row in state.rows:
        if row["trial"] not in known:
            yield _line(row, state)


def _line(row, state):
    text = f"{state.objective} {outcome(row)}"
    if row["status"] == sweeps.INFEASIBLE:
        text = f"infeasible: {row['reason']}"
    for best in state.best[:1]:
        text += f" (best {outcome(best)}, trial {best['trial']})"
    done = f"[{len(state.rows)}/{state.planned}] trial {row['trial']}"
    values = ", ".join(f"{name} {value}" for name, value in row["values"].items())
    return f"{done}: {text}, {row['seconds']:.1f} s, {values}"

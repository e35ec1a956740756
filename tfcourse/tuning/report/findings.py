"""A sweep's findings in sentences: the best trial, edges of the space, whether to continue."""

import collections
import contextlib
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfcourse import hyperparameters as hp
from tfcourse.scales import Scale, format_value
from tfcourse.tuning import sweeps
from tfcourse.tuning.space import full_batch

# A value this close to the end of an axis, as a share of its length, is at the edge.
_EDGE = 0.05
_NAMED = 5  # Trials named in a sentence.
_HALVINGS = 4  # How often a distance that is too large is halved.


def number(value: float) -> str:
    """Returns a score, or any float, as a readable text with four digits."""
    return f"{value:#.4g}"


def difference(value: float) -> str:
    """Returns a difference of scores as a readable text with two digits."""
    return f"{value:.2g}"


def answer(sweep: sweeps.Sweep) -> str:
    """Returns the best score and where it was reached, or why there is none, in one sentence."""
    best = sweep.best
    if best is None:
        return _no_answer(sweep)
    score, spread = number(sweep.ranked_scores()[0]), sweep.spread(best)
    if spread is not None:
        score += f" ± {difference(spread)} (mean of {sweep.replicates} trainings)"
    values = ", ".join(f"{name} {short(value)}" for name, value in best.values.items())
    return f"Best {sweep.objective}: {score}, by trial {best.number} with {values}.{_ties(sweep)}"


def _ties(sweep: sweeps.Sweep) -> str:
    """Returns a sentence about the trials with exactly the best score, or ""."""
    scores = sweep.ranked_scores()
    tied = [t.number for t, s in zip(sweep.ranked(), scores, strict=True) if s == scores[0]][1:]
    if not tied:
        return ""
    named = ", ".join(map(str, tied[:_NAMED])) + (", ..." if len(tied) > _NAMED else "")
    return f" Tied with trial {named}; the earliest is chosen."


def _no_answer(sweep: sweeps.Sweep) -> str:
    finished = sweep.finished()
    if not finished:
        return "No trial is done yet."
    statuses = collections.Counter(sweep.status(trial) for trial in finished)
    told = " and ".join(f"{count} {status}" for status, count in statuses.items())
    return f"There is no best trial: of {len(finished)} that are done, {told}."


def short(value: object) -> str:
    """Returns a hyperparameter's value with at most four digits."""
    return f"{value:.4g}" if isinstance(value, float) else format_value(value)


def on_test_set(sweep: sweeps.Sweep) -> dict[str, str]:
    """Returns the best trial's test results as `{name: text}`; {} while unknown."""
    chosen, best = sweep.chosen, sweep.best
    if chosen is None or best is None or chosen.trial != best.number:
        return {}
    first, *_ = replicates = chosen.metrics
    names = [name for name in first if name.startswith("test_") and type(first[name]) is float]
    return {name: _mean([metrics[name] for metrics in replicates]) for name in names}


def reached(metrics: Mapping[str, Any]) -> str:
    """Returns the numbers in `metrics` that belong to the validation or the test set."""
    numbers = {name: value for name, value in metrics.items() if isinstance(value, float)}
    wanted = {name: numbers[name] for name in numbers if name.startswith(("test_", "val_"))}
    return ", ".join(f"{name} {value:.4f}" for name, value in wanted.items())


def _mean(values: Sequence[float]) -> str:
    text = number(statistics.fmean(values))
    return f"{text} ± {difference(statistics.stdev(values))}" if len(values) > 1 else text


def effort(sweep: sweeps.Sweep) -> str:
    """Returns how many trials there are of each kind, and how long they trained."""
    statuses = collections.Counter(sweep.status(trial) for trial in sweep.trials)
    told = ", ".join(f"{count} {status}" for status, count in statuses.items())
    seconds = sum(result.seconds for t in sweep.trials for result in t.results.values())
    planned = max(sweep.settings.trials, len(sweep.trials))
    done = f"{len(sweep.finished())} of {planned} trials done" + (f" ({told})" if told else "")
    return f"{done}, {duration(seconds)} of training in all"


def duration(seconds: float) -> str:
    """Returns a number of seconds in readable units."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def fixed(sweep: sweeps.Sweep, declarations: Mapping[str, hp.Declaration] | None = None) -> str:
    """Returns the hyperparameters that were not searched, with their values.

    Args:
        sweep: the sweep.
        declarations: of its hyperparameters; those that never had an effect are left out.
    """
    searched = {axis.name: axis.scale.search for axis in sweep.space.axes}
    chosen = {name for trial in sweep.trials for name in trial.note}  # Hyperband's epochs.
    base, told = sweep.settings.base, []
    for name, value in base.items():
        condition = declarations[name].active_when if declarations else None
        if declarations and condition:
            chooser, allowed = condition
            texts = [base[chooser]] if chooser in base else []  # It may be optional.
            possible = searched.get(chooser, [declarations[chooser].parse(text) for text in texts])
            if not any(each in allowed for each in possible):
                continue
        if name not in searched and name not in chosen:
            told.append(f"{name} {value}")
    return ", ".join(told)


def shortfall(sweep: sweeps.Sweep) -> str:
    """Returns why a finished sweep has fewer trials than requested; "" if it has all.

    A running sweep may still get them.
    """
    count, asked = len(sweep.trials), sweep.settings.trials
    if count >= asked:
        return ""
    if sweep.settings.tuner == "grid" and any(a.scale.options is None for a in sweep.space.axes):
        return f"{count} of {asked} trials: the grid is complete; a finer one has more than {asked}"
    return f"{count} of {asked} trials: every point of the search space was tried"


def cautions(
    sweep: sweeps.Sweep, declarations: Mapping[str, hp.Declaration] | None = None
) -> list[str]:
    """Returns sentences about the limits of the result.

    Args:
        sweep: the sweep.
        declarations: of its hyperparameters, whose limits no advice exceeds.
    """
    edges = _edges(sweep, declarations or {})
    return [*edges, *_infeasible(sweep), *_no_score(sweep)]


def _edges(sweep: sweeps.Sweep, declarations: Mapping[str, hp.Declaration]) -> Iterator[str]:
    for axis in sweep.space.axes:
        if sweep.best is None or axis.name not in sweep.best.values or not axis.scale.is_range:
            continue
        value = sweep.best.values[axis.name]
        if value not in axis.scale:  # It is from an earlier search.
            continue
        options = axis.scale.options
        position = axis.scale.position_of(value)
        at_low = value == options[0] if options else position < _EDGE
        at_high = value == options[-1] if options else position > 1.0 - _EDGE
        (low, high), (below, above) = axis.scale.search, axis.scale.widened()
        above = max(high, min(above, _largest(sweep, axis.name)))
        declaration = declarations.get(axis.name)
        wider = _range(
            axis.scale,
            _allowed(below, low, declaration) if at_low else low,
            _allowed(above, high, declaration) if at_high else high,
        )
        if wider != _range(axis.scale, low, high):
            yield (
                f"The best {axis.name}, {short(value)}, lies at the edge of its range "
                f"{short(low)} to {short(high)}: a better one may lie beyond, "
                "if it matters at all (see Importance). To look there: "
                f"--search={axis.name}={wider}"
            )


def _largest(sweep: sweeps.Sweep, name: str) -> float:
    """Returns the value of a hyperparameter above which larger ones change nothing."""
    examples = sweep.chosen.metrics[0].get("train_examples") if sweep.chosen else None
    return full_batch(examples) if name == "batch_size" and type(examples) is int else math.inf


def _allowed(end: float, before: float, declaration: hp.Declaration | None) -> float:
    """Returns `end`, or something nearer to `before`, the old end, that its flag accepts."""
    if declaration is None:
        return end
    for _ in range(_HALVINGS):
        with contextlib.suppress(ValueError):
            declaration.parse(_end(end))
            return end
        end = (end + before) // 2 if isinstance(end, int) else (end + before) / 2
    return before


def _range(scale: Scale, low: float, high: float) -> str:
    """Returns a range on `scale` as text for --search."""
    return f"{_end(low)}:{_end(high)}:{scale.name}"


def _end(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def _infeasible(sweep: sweeps.Sweep) -> Iterator[str]:
    finished = sweep.finished()
    lost = [trial for trial in finished if sweep.status(trial) == sweeps.INFEASIBLE]
    if lost:
        reasons = collections.Counter(sweep.reason(trial) or "no reason given" for trial in lost)
        told = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(5))
        share = f"{100 * len(lost) / len(finished):.0f} %"
        yield f"Infeasible: {len(lost)} of {len(finished)} trials ({share}). Why: {told}"


def _no_score(sweep: sweeps.Sweep) -> Iterator[str]:
    complete = [trial for trial in sweep.trials if sweep.status(trial) == sweeps.COMPLETE]
    without = sum(sweep.score(trial) is None for trial in complete)
    if without:
        yield f"Complete, but without any finite {sweep.objective}, so not ranked: {without}"


def would_more_help(sweep: sweeps.Sweep) -> str:
    """Returns sentences about the probable gain from more trials, and the rule behind it.

    The rule: the expected best score of a random half of the trials is the mean over all halves.
    The gain from the other half is about the most that doubling the trials would add.
    """
    ranked = sweep.ranked()
    if len(ranked) < 8:
        return "Fewer than 8 complete trials: too few to say whether more would help."
    scores = sweep.ranked_scores()
    half = expected_best(scores, len(scores) // 2)
    gain = abs(scores[0] - half)
    text = (
        f"Would more trials help? A random half of the {len(scores)} complete ones would have "
        f"reached {number(half)} on average; the other half added {difference(gain)}. Twice as "
        "many trials would probably add less than that again."
    )
    spreads = [spread for t in ranked[:5] if (spread := sweep.spread(t)) is not None]
    if not spreads:
        return f"{text} How much of it is chance can't be said: each was trained once."
    noise = statistics.fmean(spreads)
    text += (
        f" That is {'more' if gain > noise else 'no more'} than the trainings of one trial "
        f"differ by ({difference(noise)})."
    )
    ties = sum(abs(score - scores[0]) <= noise for score in scores)
    if ties > 1:
        text += f" The best {ties} trials lie within that difference: their order may be chance."
    return text


def expected_best(scores: Sequence[float], size: int) -> float:
    """Returns the mean, over all subsets of `size` scores, of the best score of the subset.

        sum over i of scores[i] * C(n - 1 - i, size - 1) / C(n, size)

    because scores[i] is the best score of the subsets that contain it and none of the i better
    ones.

    Args:
        scores: n of them, best first.
        size: in [1, n].
    """
    n = len(scores)
    weights = [math.comb(n - 1 - i, size - 1) / math.comb(n, size) for i in range(n)]
    return math.fsum(weight * score for weight, score in zip(weights, scores, strict=True))

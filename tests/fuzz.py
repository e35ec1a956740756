"""Feeds every door of the program with hostile input: flags, flagfiles, data, models, records.

    python -m tests.fuzz --cases=10000 --seed=1

Each case has to end soon, accepted or refused as the door promises: a program with its exit code,
at most three lines and nothing written; a reader with its own exception. tests/fuzz_test.py does
a few of each.
"""

import argparse
import collections
import contextlib
import dataclasses
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable

import hypothesis

from tests import fuzz_data, fuzz_models, fuzz_program

_HANG_SECONDS = 30


class Hang(BaseException):
    """A case that does not end; no `except Exception` holds it."""


@dataclasses.dataclass(frozen=True)
class Door:
    """One way in.

    Attributes:
        cases: hypothesis strategy.
        enter: function of a case that returns what came of it, a short text; it runs in an empty
            working directory. It raises where the door does not keep its promise.
        share: of all cases, how many it gets.
    """

    cases: hypothesis.strategies.SearchStrategy
    enter: Callable
    share: float


DOORS = {
    "flags": Door(fuzz_program.command_lines(), fuzz_program.start, 0.3),
    "flagfiles": Door(fuzz_program.flagfiles(), fuzz_program.start_with_flagfile, 0.2),
    "run directories": Door(fuzz_program.run_directories(), fuzz_program.start_again, 0.1),
    **{
        name: Door(cases, enter, 0.05)
        for name, (cases, enter) in {**fuzz_data.READERS, **fuzz_models.READERS}.items()
    },
}


def fuzz(name, num_cases, seed):
    """Tries a door; returns how often what came of it, as a `Counter`.

    Raises:
        Exception: what the first case raised that shows a fault, made as small as it can be.
    """
    door, outcomes = DOORS[name], collections.Counter()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=num_cases,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(door.cases)
    def every_case(case):
        with _empty_folder(), _bounded():
            outcomes[door.enter(case)] += 1

    every_case()
    return outcomes


@contextlib.contextmanager
def _empty_folder():
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield


@contextlib.contextmanager
def _bounded():
    def stop(number, frame):
        raise Hang(f"no end after {_HANG_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_HANG_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--door", choices=DOORS, action="append")
    arguments = parser.parse_args()
    print("| door | cases | what came of them | seconds |\n| --- | --- | --- | --- |")
    faults = 0
    for name in arguments.door or DOORS:
        started = time.monotonic()
        try:
            outcomes = fuzz(name, round(arguments.cases * DOORS[name].share), arguments.seed)
        except (Exception, Hang) as fault:
            faults += 1
            print(f"{name}: {fault!r:.2000}", *getattr(fault, "__notes__", ()), flush=True)
            continue
        texts = ", ".join(f"{outcome}: {count:,}" for outcome, count in outcomes.most_common())
        seconds = time.monotonic() - started
        print(f"| {name} | {outcomes.total():,} | {texts} | {seconds:.0f} |", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{faults} faults; {peak:,.0f} MB of memory at most")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""Kills sweeps at random, over and over, and counts what was lost. No test: it takes long.

    python -m tests.sweep_soak --sweeps=6 --seed=1

Each sweep runs through the command line with two workers. At random moments a worker, the driver
or both with all workers are killed, and the driver, if dead, is started again with one to three
workers. In the end the sweep must hold the same trials and results as one that was left alone,
each once.
"""

import argparse
import collections
import pathlib
import random
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))  # As pytest does.

import sweep_test as sweeps

KINDS = ("worker", "driver", "all")


def alive(process):
    return process is not None and process.poll() is None


def one_sweep(folder, rng, tuner):
    """Returns how often what was killed, and how long orphans lived and trials waited."""
    counts, orphan_seconds = collections.Counter(), []
    process = None
    while True:
        if not alive(process):
            if process is not None:
                process.communicate()
                if process.returncode == 0:
                    return counts, orphan_seconds
            process = sweeps.start(folder, f"--workers={rng.randint(1, 3)}", f"--sweep={tuner}")
        wait(process, rng.uniform(1.0, 12.0))
        if not alive(process):
            continue
        kind = rng.choice(KINDS)
        workers = sweeps.workers_of(process)
        if kind == "worker" and not workers:
            continue
        counts[kind] += 1
        for worker in workers[:1] if kind == "worker" else workers if kind == "all" else []:
            worker.kill()
        if kind != "worker":
            process.kill()
            killed = time.monotonic()
            sweeps.wait_until(lambda workers=workers: not any(map(sweeps.is_alive, workers)))
            orphan_seconds.append(time.monotonic() - killed)


def wait(process, seconds):
    deadline = time.monotonic() + seconds
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    total, longest, same, given_up = collections.Counter(), 0.0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        whole = {}
        for number in range(arguments.sweeps):
            tuner = ("random", "coarse_to_fine")[number % 2]
            if tuner not in whole:
                path = pathlib.Path(folder) / f"whole-{tuner}"
                code, _, error = sweeps.finished(path, "--workers=2", f"--sweep={tuner}")
                assert code == 0, error
                whole[tuner] = sweeps.results(path)
            path = pathlib.Path(folder) / str(number)
            counts, orphan_seconds = one_sweep(path, rng, tuner)
            total += counts
            longest = max([longest, *orphan_seconds])
            found = sweeps.results(path)
            # By its rule a sweep gives up a trial whose worker has died five times.
            lost = [key for key, curve in found.items() if not curve]
            is_same = {**found, **{key: whole[tuner][key] for key in lost}} == whole[tuner]
            same, given_up = same + is_same, given_up + len(lost)
            print(f"{tuner}: {dict(counts)}, same: {is_same}, given up: {lost}", flush=True)
    print(f"{same} of {arguments.sweeps} sweeps the same but for {given_up} trials given up;")
    print(f"killed {dict(total)};")
    print(f"workers outlived their driver by {longest:.1f} s at most")


if __name__ == "__main__":
    main()

import io

import pytest
import sweep_examples as examples
from rich.console import Console

from tfcourse.scales import Linear
from tfcourse.tuning import sweeps
from tfcourse.tuning.records import Void
from tfcourse.tuning.report import table as sweep_table
from tfcourse.tuning.space import Axis, Space


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def shown(table):
    console = Console(file=io.StringIO(), width=120)
    console.print(table.render())
    return console.file.getvalue()


def plain_table(clock=None):
    return sweep_table.SweepTable(Console(file=io.StringIO()), clock or Clock())


def sweep_of(*records, **phase):
    return examples.sweep_of([examples.phase(**phase), *records])


def test_a_trial_that_is_done_prints_one_line_where_there_is_no_terminal():
    console = Console(file=io.StringIO(), width=40)
    sweep = sweep_of(examples.ask(0, examples.values(0.1)), examples.ask(1, examples.values(0.01)))
    with sweep_table.SweepTable(console) as table:
        table.update(sweep, [])
        sweep.apply(examples.result(1, [0.5, 0.25]))
        table.update(sweep, [])
        table.update(sweep, [])
        lost = {"status": sweeps.INFEASIBLE, "reason": "not\nfinite [red]"}
        sweep.apply(examples.result(0, [], **lost))
        table.update(sweep, [])
    values = "    optimizer adam, learning_rate {}, batch_size 64, hidden_units 128"
    assert console.file.getvalue().splitlines() == [
        "[1/24] trial 1: val_accuracy 0.5000 (best 0.5000, trial 1), 2.0 s",
        values.format(0.01) + ",",
        "    epochs 5",
        "[2/24] trial 0: infeasible: not finite [red] (best 0.5000, trial 1), 2.0 s",
        values.format(0.1) + ", epochs 5",
    ]


def test_80_columns_show_the_best_trial_whole():
    table = sweep_table.SweepTable(Console(file=io.StringIO(), width=80), Clock())
    long = {f"hyperparameter_{n}": n for n in range(9)}
    scale = Linear((0, 9), is_integer=True)
    space = Space(tuple(Axis(name, scale) for name in long))
    sweep = sweep_of(examples.ask(0, long, space=space), space=space)
    sweep.apply(examples.result(0, [0.5]))
    table.update(sweep, [])
    table._console.print(table.render())
    text = table._console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    header = text.partition("trials done")[2].partition("trial  ")[0]
    assert all(f"{name} {value}" in header for name, value in long.items())


def test_a_resumed_sweep_does_not_print_old_trials_again():
    table = plain_table()
    table.update(examples.large_sweep(20), [])
    assert table._console.file.getvalue() == "20 of 20 trials were done before\n"


def test_trials_whose_results_were_taken_back_are_told_again():
    table = plain_table()
    sweep = sweep_of(examples.ask(0, examples.values(0.1)))
    for record in (None, examples.result(0, [0.5]), Void([0])):
        if record:
            sweep.apply(record)
        table.update(sweep, [])
    assert "0 of 24 trials done" in shown(table)
    sweep.apply(examples.result(0, [0.75]))
    table.update(sweep, [])
    lines = [line for line in table._console.file.getvalue().splitlines() if line[0] == "["]
    assert [line.split(",")[0] for line in lines] == [
        "[1/24] trial 0: val_accuracy 0.5000 (best 0.5000",
        "[1/24] trial 0: val_accuracy 0.7500 (best 0.7500",
    ]


def test_the_table_shows_best_latest_and_running_trials():
    clock = Clock()
    table = plain_table(clock)
    sweep = examples.large_sweep(40)
    clock.now += 90.0
    running = [sweeps.Running(3, 0, clock.now - 7.0)]
    table.update(sweep, running)
    lines = shown(table).splitlines()
    infeasible = sum(sweep.status(trial) == sweeps.INFEASIBLE for trial in sweep.trials)
    assert lines[0].startswith(f"40 of 40 trials done, {infeasible} infeasible, 1:30 elapsed")
    assert f"(trial {sweep.best.number})" in lines[1]
    assert lines[2].split(", ")[0] == "    optimizer adam"
    words = [line.split() for line in lines[3:] if line.strip()]
    numbers = [int(line[0]) for line in words if line[0].isdigit()]
    assert numbers[:5] == [trial.number for trial in sweep.ranked()[:5]]
    assert numbers[5:-1] == [n for n in range(40) if n not in numbers[:5]][-3:]
    assert words[-1][:2] == ["3", "7"]
    assert len(numbers) == 5 + 3 + 1


@pytest.mark.parametrize("objective", ["val_accuracy", "val_loss"])
def test_the_best_is_the_smallest_loss_or_the_largest_accuracy(objective):
    table = plain_table()
    records = [examples.ask(n, examples.values(0.1)) for n in range(2)]
    sweep = sweep_of(*records, objective=objective)
    for number, score in enumerate((0.25, 0.5)):
        record = examples.result(number, [score])
        record.result.curve[0]["val_loss"] = score
        sweep.apply(record)
    table.update(sweep, [])
    assert f"(trial {int(objective == 'val_accuracy')})" in shown(table)


def test_the_time_left_is_that_of_the_trials_that_are_missing():
    clock = Clock()
    table = plain_table(clock)
    sweep = sweep_of(*[examples.ask(n, examples.values(0.1)) for n in range(4)], trials=10)
    running = [sweeps.Running(n, 0, clock.now - 5.0) for n in (2, 3)]
    table.update(sweep, running)
    assert "left" not in shown(table)
    for number, seconds in ((0, 10.0), (1, 30.0)):
        sweep.apply(examples.result(number, [0.5], seconds=seconds))
    table.update(sweep, running)
    # Eight trials of 20 s are missing; 10 s of that are done; two workers share the rest.
    assert "about 1:15 left" in shown(table)


def test_text_from_a_journal_is_no_markup():
    table = plain_table()
    sweep = sweep_of(examples.ask(0, examples.values(0.1)))
    lost = {"status": sweeps.INFEASIBLE, "reason": "[bold]x[/bold] [/]"}
    sweep.apply(examples.result(0, [], **lost))
    table.update(sweep, [])
    assert "[bold]x[/bold] [/]" in shown(table)


def test_a_terminal_gets_one_table_and_no_lines():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    sweep = sweep_of(examples.ask(0, examples.values(0.1)))
    with sweep_table.SweepTable(console) as table:
        table.update(sweep, [])
        sweep.apply(examples.result(0, [0.5]))
        table.update(sweep, [])
    text = console.file.getvalue()
    assert "[1/24]" not in text
    assert "1 of 24 trials done" in text


def test_a_complete_trial_without_a_finite_score_is_never_the_best():
    table = plain_table()
    sweep = sweep_of(*[examples.ask(n, examples.values(0.1)) for n in range(2)])
    sweep.apply(examples.result(0, [None]))
    table.update(sweep, [])
    assert "best" not in shown(table)
    sweep.apply(examples.result(1, [0.0]))
    table.update(sweep, [])
    assert "best val_accuracy 0.000 (trial 1)" in shown(table)

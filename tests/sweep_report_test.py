import dataclasses
import html.parser
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import time

import numpy as np
import pytest
import sweep_examples as examples

from recipes.mnist_softmax import MnistSoftmax
from tfcourse import hyperparameters as hp
from tfcourse.scales import Choice, Linear, Log, OneMinusLog, PowerOfTwo
from tfcourse.tuning import sweeps
from tfcourse.tuning.records import Chosen
from tfcourse.tuning.report import findings, study
from tfcourse.tuning.report import page as sweep_report
from tfcourse.tuning.report.picture import draw_sweep
from tfcourse.tuning.report.study import axes_of, study_of
from tfcourse.tuning.space import Axis, parse_scale

HOSTILE = '</script><img src="https://example.com/x.png"><b>$title {x} %s'


class Page(html.parser.HTMLParser):
    """What a browser makes of a report: its text, its table, its links, its figures."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.links, self.words, self.rows, self._path = [], [], [], [], []
        text = path.read_text()
        self.figures = json.loads(re.search(r'id="figures">(.*?)</script>', text).group(1))
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._path.append(tag)
        self.links += [v for name, v in attributes if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        while self._path and self._path.pop() != tag:
            pass

    def handle_data(self, data):
        if self._path and self._path[-1] == "td":
            self.rows[-1][-1] += data
        if self._path and self._path[-1] not in ("script", "style"):
            self.words.append(data)


def report_of(sweep, tmp_path):
    sweep_report.write_sweep_report(sweep, tmp_path / "report.html")
    return Page(tmp_path / "report.html")


def sweep_of(scores, **phase):
    """A complete trial for each number of `scores`, an infeasible one for each reason."""
    records = [examples.phase(**phase)]
    for number, score in enumerate(scores):
        records.append(examples.ask(number, examples.values(0.01)))
        if isinstance(score, str):
            records.append(examples.result(number, [], status=sweeps.INFEASIBLE, reason=score))
        else:
            records.append(examples.result(number, [score]))
    return examples.sweep_of(records)


def test_the_report_begins_with_the_answer(tmp_path):
    sweep = examples.large_sweep(60)
    metrics = {"test_accuracy": 0.97531, "test_examples": 180, "val_loss": 1.0}
    sweep.apply(Chosen(sweep.best.number, [metrics]))
    page = report_of(sweep, tmp_path)
    values = ", ".join(f"{n} {findings.short(v)}" for n, v in sweep.best.values.items())
    score = f"{sweep.score(sweep.best):.4f}"
    answer = f"Best val_accuracy: {score}, by trial {sweep.best.number} with {values}."
    assert page.text.startswith(
        "random search of mnist_softmax on digits random search of mnist_softmax on digits "
        f"{tmp_path} {answer} On the test set, used once: test_accuracy 0.9753. 60 of 60 trials "
    )
    # Values without an effect, and the seed, are left to best.flags.
    command = f"python -m recipes.mnist_softmax --flagfile={tmp_path}/best.flags"
    assert f"To train it again: {command} " in page.text


def test_the_report_says_when_where_and_how(tmp_path):
    (tmp_path / "flags.txt").touch()
    (tmp_path / "journal.jsonl").touch()
    noon = time.mktime((2026, 1, 2, 12, 0, 0, 0, 0, -1))
    os.utime(tmp_path / "journal.jsonl", (noon, noon))
    text = report_of(sweep_of([0.5]), tmp_path).text
    command = (
        f"python -m recipes.mnist_softmax --flagfile={tmp_path}/flags.txt --run_dir={tmp_path}"
    )
    assert f"on digits 2026-01-02 12:00, {tmp_path} {command} Best" in text


def test_ties_are_told():
    sweep = sweep_of([0.5, 0.75, 0.25, 0.75, 0.75])
    assert findings.answer(sweep).endswith("Tied with trial 3, 4; the earliest is chosen.")
    assert "tie" not in findings.answer(sweep_of([0.5, 0.75]))


def test_numbers_that_are_choices_stand_in_their_order():
    labels = ["256,128", "64", "128", "128,64"]
    assert study._in_order(labels) == ["64", "128", "128,64", "256,128"]
    assert study._in_order(["relu", "none"]) == ["relu", "none"]


def test_test_results_are_those_of_the_best_trial_and_of_all_its_replicates():
    sweep = sweep_of([0.5, 0.75])
    assert findings.on_test_set(sweep) == {}
    metrics = [{"test_loss": 0.5}, {"test_loss": 0.25}]
    sweep.apply(Chosen(0, metrics))
    assert findings.on_test_set(sweep) == {}
    sweep.apply(Chosen(1, metrics))
    spread = 0.25 / 2**0.5
    assert findings.on_test_set(sweep) == {"test_loss": f"0.3750 ± {spread:.2g}"}


def test_the_table_has_every_trial_best_first(tmp_path):
    sweep = examples.large_sweep(40)
    rows = [row for row in report_of(sweep, tmp_path).rows if row]
    assert len(rows) == 40
    ranked = [trial.number for trial in sweep.ranked()]
    assert [int(row[0]) for row in rows[: len(ranked)]] == ranked
    assert {row[1] for row in rows[len(ranked) :]} == {"infeasible"}
    assert rows[-1][-1] == "the loss is inf"
    momentum = next(row for row in rows if "momentum" in row)
    adam = next(row for row in rows if "adam" in row)
    assert momentum[8] != ""
    assert adam[8] == ""


def test_the_plots_show_every_trial_on_its_scale(tmp_path):
    sweep = examples.large_sweep(40)
    page = report_of(sweep, tmp_path)
    names = {"history", "curves", "importance", "parallel", *(f"slice_{i}" for i in range(6))}
    names |= {f"isolation_{i}" for i in range(6)}
    assert set(page.figures) == names
    for kind in ("slice", "isolation"):
        axes = {
            figure["layout"]["xaxis"]["title"]["text"]: figure["layout"]["xaxis"]
            for name, figure in page.figures.items()
            if name.startswith(kind)
        }
        assert set(axes) == {
            *("optimizer", "learning_rate", "1 - beta", "batch_size", "hidden_units", "epochs")
        }
        logarithmic = {name for name, axis in axes.items() if axis.get("type") == "log"}
        assert logarithmic == {"learning_rate", "1 - beta", "batch_size"}
    assert axes["hidden_units"]["categoryarray"] == ["128", "256,128"]
    names = [trace.get("name") for trace in page.figures["slice_1"]["data"]]
    assert names == ["complete", "pruned", "infeasible", "best"]
    best = page.figures["slice_1"]["data"][3]
    assert best["x"] == [sweep.best.values["learning_rate"]]
    assert len(page.figures["parallel"]["data"]) == len(sweep.ranked())
    curves = [trace["name"].split(":")[0] for trace in page.figures["curves"]["data"]]
    assert curves == [f"trial {trial.number}" for trial in sweep.ranked()[:5]]


def test_parallel_coordinates_show_numbers_in_order_and_each_trial_at_its_own(tmp_path):
    axes = (
        examples.Axis("batch_size", Choice((128, 64, 512, 32))),  # As texts, 128 comes first.
        examples.Axis("beta", Linear((0.0, 1.0)), active_when=("batch_size", (32, 64))),
    )
    space = examples.Space(axes)
    records = [examples.phase(space=space, trials=6)]
    points = [(512, None), (64, 0.5), (32, 0.25), (128, None), (64, 0.0), (512, None)]
    for number, (size, beta) in enumerate(points):
        point = {"batch_size": size} | ({} if beta is None else {"beta": beta})
        records.append(examples.ask(number, point, space=space))
        records.append(examples.result(number, [0.1 * (number + 1)]))
    figure = report_of(examples.sweep_of(records), tmp_path).figures["parallel"]
    notes = [(n["x"], n["y"], n["text"]) for n in figure["layout"]["annotations"]]
    sizes = [text for x, _, text in sorted(notes) if x == 1]
    assert sizes == ["32", "64", "128", "512"]
    assert min(notes, key=lambda note: (note[0] != 2, note[1]))[2] == "not used"
    shown = {trace["customdata"][0][1]: trace["customdata"][1][1] for trace in figure["data"]}
    assert shown == {f"0.{n + 1}": str(size) for n, (size, _) in enumerate(points)}
    best = figure["data"][-1]
    assert best["line"]["width"] > figure["data"][0]["line"]["width"]
    assert best["customdata"][0][1] == "0.6"


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_isolation_plots_show_the_best_of_each_part_of_a_scale(tmp_path, sign):
    sweep = examples.large_sweep(60)
    rates = [trial.values["learning_rate"] for trial in sweep.ranked()]
    scores = sweep.ranked_scores()
    if sign < 0:  # A loss: the smallest is the best.
        objective, scores = "val_loss", [1.0 - score for score in scores]
        for trial, score in zip(sweep.ranked(), scores, strict=True):
            trial.results[0].curve[:] = [{"epoch": 1, "val_loss": score}]
        sweep.phases[0] = dataclasses.replace(sweep.settings, objective=objective)
    page = report_of(sweep, tmp_path)
    (line,) = page.figures["isolation_1"]["data"]
    # Eight parts of half a decade each, from 1e-4 to 1.
    part = np.clip(np.floor(2.0 * (np.log10(rates) + 4.0)), 0, 7)
    expected = [
        max((sign * s, x) for s, x, p in zip(scores, rates, part, strict=True) if p == number)
        for number in np.unique(part)
    ]
    worst = min(sign * y for y in line["y"])
    assert line["x"] == [rate for _, rate in expected]
    assert [sign * y for y in line["y"]] == pytest.approx([max(s, worst) for s, _ in expected])
    assert [*map(int, line["text"])] == [int(np.sum(part == p)) for p in np.unique(part)]
    assert page.figures["isolation_1"]["layout"]["xaxis"]["type"] == "log"
    inner = zip(line["y"], line["y"][1:], line["y"][2:], line["textposition"][1:], strict=False)
    assert all((y < min(before, after)) == ("bottom" in place) for before, y, after, place in inner)
    (choices,) = page.figures["isolation_0"]["data"]
    assert choices["x"] == ["momentum", "adam"]
    assert choices["mode"] == "markers+text"  # There is nothing between them.
    assert "limits the answer: schedule one_cycle." in page.text


@pytest.mark.parametrize("objective", ["val_accuracy", "val_loss"])
def test_few_bad_scores_do_not_flatten_the_plots(tmp_path, objective):
    # The lower median, 0.8, is 0.2 from the best; what lies up to 0.4 beyond it is shown.
    scores = [1.0, 0.9, 0.9, 0.8, 0.0, 0.1]
    if objective == "val_loss":
        scores = [2.0 - score for score in scores]
    sweep = sweep_of(scores, objective=objective)
    for trial, score in zip(sweep.trials, scores, strict=True):
        trial.results[0].curve[0][objective] = score
    page = report_of(sweep, tmp_path)
    shown = page.figures["slice_1"]["data"][0]["y"]
    clipped = [1.0, 0.9, 0.9, 0.8, 0.4, 0.4]
    if objective == "val_loss":
        clipped = [2.0 - score for score in clipped]
    assert shown == pytest.approx(clipped, rel=1e-12)
    low, high = page.figures["slice_1"]["layout"]["yaxis"]["range"]
    assert low < min(clipped)
    assert max(clipped) < high
    assert "are drawn there: 2 of them" in page.text


def test_the_study_holds_the_sweep():
    sweep = examples.large_sweep(40)
    axes = axes_of(sweep)
    study = study_of(sweep, axes, sweep.trials)
    assert study.best_trial.number == sweep.best.number
    assert study.best_value == sweep.score(sweep.best)
    for trial, frozen in zip(sweep.trials, study.trials, strict=True):
        assert frozen.params["learning_rate"] == trial.values["learning_rate"]
        if "beta" in trial.values:
            assert frozen.params["1 - beta"] == 1.0 - trial.values["beta"]
        else:
            assert "1 - beta" not in frozen.params
        for row in trial.results[0].curve:
            assert frozen.intermediate_values[row["epoch"]] == row["val_accuracy"]


def test_the_hyperparameter_that_decides_is_the_important_one(tmp_path):
    page = report_of(examples.large_sweep(60), tmp_path)
    (bars,) = page.figures["importance"]["data"]
    assert bars["y"][-1] == "learning_rate"
    assert bars["text"][-1] > "0.6"
    assert sorted(bars["y"]) == sorted(
        ["optimizer", "learning_rate", "1 - beta", "batch_size", "hidden_units", "epochs"]
    )


def test_a_sweep_gives_the_same_report_again(tmp_path):
    for name in ("a", "b"):
        sweep_report.write_sweep_report(examples.large_sweep(40), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("scores", "told", "plots"),
    [
        ([], "No trial is done yet.", False),
        (["a", "b"], "There is no best trial: of 2 that are done, 2 infeasible.", False),
        ([0.5], "Best val_accuracy: 0.5000, by trial 0", True),
        ([0.0, "a"], "Infeasible: 1 of 2 trials (50 %). Why: a (1)", True),
        ([0.5, 0.75], "Best val_accuracy: 0.7500, by trial 1", True),
        ([None, None], "without any finite val_accuracy, so not ranked: 2", False),
        ([None, 0.5], "without any finite val_accuracy, so not ranked: 1", True),
        ([0.5] * 20, "Best val_accuracy: 0.5000, by trial 0", True),
    ],
)
def test_few_trials_still_give_a_report_that_says_so(tmp_path, scores, told, plots):
    page = report_of(sweep_of(scores), tmp_path)
    assert told in page.text
    assert bool(page.figures) == plots
    assert "importance" not in page.figures
    few, same = "It takes 15 complete trials", "All trials have the same score."
    assert plots == (few in page.text or same in page.text)


def test_a_sweep_whose_space_changed_is_drawn_over_both(tmp_path):
    wide = sweeps.Space((examples.AXES[1],))
    narrow = sweeps.Space((examples.Axis("learning_rate", Log((1e-3, 0.1))),))
    units = sweeps.Space((examples.Axis("hidden_units", Choice(((64,),))),))
    records = []
    for number, (space, point) in enumerate(
        [
            (wide, {"learning_rate": 1.0}),
            (narrow, {"learning_rate": 0.01}),
            (units, {"hidden_units": (64,)}),
        ]
    ):
        records.append(examples.phase(space=space))
        records.append(examples.ask(number, point, space=space))
        records.append(examples.result(number, [0.5 + number / 10]))
    page = report_of(examples.sweep_of(records), tmp_path)
    assert page.figures["slice_1"]["data"][0]["x"] == [1.0, 0.01]
    assert len(page.figures["history"]["data"][0]["x"]) == 3


def test_no_text_of_a_journal_becomes_part_of_the_page(tmp_path):
    space = sweeps.Space((examples.Axis("kind", Choice((HOSTILE, "plain"))),))
    records = [examples.phase(space=space, dataset=HOSTILE, base={"x": HOSTILE})]
    for number, value in enumerate((HOSTILE, "plain")):
        records.append(examples.ask(number, {"kind": value}, space=space))
        records.append(examples.result(number, [0.5]))
    records.append(examples.ask(2, {"kind": "plain"}, space=space))
    records.append(examples.result(2, [], status=sweeps.INFEASIBLE, reason=HOSTILE))
    page = report_of(examples.sweep_of(records), tmp_path)
    assert "img" not in page.tags
    assert "b" not in page.tags
    assert page.links == ["data:,"]
    assert any(HOSTILE in cell for row in page.rows for cell in row)
    assert HOSTILE not in str(page.figures)


def test_a_best_value_at_the_edge_says_how_to_search_beyond():
    axes = {axis.name: axis for axis in examples.AXES}
    ends = {
        "learning_rate": (1e-4, "1e-05:1:log", 1.0, "0.0001:10:log"),
        "beta": (0.9, "0:0.999:one_minus_log", 0.999, "0.9:0.9999:one_minus_log"),
        "batch_size": (32, "8:512:power_of_two", 512, "32:2048:power_of_two"),
        "epochs": (2, "1:20:linear", 20, "2:29:linear"),
    }
    for name, (low, below, high, above) in ends.items():
        space = sweeps.Space((dataclasses.replace(axes[name], active_when=None),))
        for value, wider in ((low, below), (high, above), (axes[name].scale.value_at(0.5), None)):
            records = [examples.phase(space=space)]
            records += [examples.ask(0, {name: value}, space=space), examples.result(0, [0.5])]
            told = list(findings.cautions(examples.sweep_of(records)))
            assert len(told) == (wider is not None)
            assert wider is None or told[0].endswith(f"--search={name}={wider}")


@pytest.mark.parametrize(
    ("num_examples", "wider"), [(511, None), (512, None), (513, 1024), (5000, 2048), (None, 2048)]
)
def test_no_batch_larger_than_the_data_is_advised(num_examples, wider):
    axis = next(axis for axis in examples.AXES if axis.name == "batch_size")
    space = sweeps.Space((axis,))
    records = [examples.phase(space=space), examples.ask(0, {"batch_size": 512}, space=space)]
    metrics = {} if num_examples is None else {"train_examples": num_examples}
    records += [examples.result(0, [0.5]), Chosen(0, [metrics])]
    told = findings.cautions(examples.sweep_of(records))
    ends = [each.partition("--search=batch_size=")[2] for each in told]
    assert ends == ([] if wider is None else [f"32:{wider}:power_of_two"])


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        (Linear((0.0, 0.5)), Log((0.01, 0.5)), 0.0),
        (Choice((16, 20)), PowerOfTwo((128, 512), is_integer=True), 16),
        (Choice(("full", 20)), Linear((30, 5000), is_integer=True), "full"),
        (Choice(("adam", "momentum")), Choice(("adam", "rmsprop")), "momentum"),
    ],
)
def test_the_best_may_be_from_an_earlier_search_with_other_values(before, after, value, tmp_path):
    spaces = [sweeps.Space((Axis("size", scale),)) for scale in (before, after)]
    other = after.value_at(0.7)
    records = [
        examples.phase(space=spaces[0], trials=1),
        examples.ask(0, {"size": value}, space=spaces[0]),
        examples.result(0, [0.9]),
        examples.phase(space=spaces[1], trials=2),
        examples.ask(1, {"size": other}, space=spaces[1]),
        examples.result(1, [0.5]),
    ]
    sweep = examples.sweep_of(records)
    page = report_of(sweep, tmp_path)
    assert "lies at the edge" not in page.text
    assert len(page.figures["slice_0"]["data"][0]["x"]) == 2
    draw_sweep(sweep, tmp_path / "sweep.png")


@pytest.mark.parametrize(
    ("name", "scale", "wider"),
    [
        ("dropout", Linear((0.0, 0.75)), "0:0.9375:linear"),  # 1.125 is none.
        ("beta", OneMinusLog((0.9, 0.9999999)), None),  # Its text would be 1.
        ("learning_rate", Log((1e-3, 1000.0)), None),
        ("epochs", Linear((2, 5_000_000), is_integer=True), "2:7499999:linear"),
    ],
)
def test_an_advised_range_is_accepted(name, scale, wider):
    space = sweeps.Space((Axis(name, scale),))
    records = [examples.phase(space=space), examples.ask(0, {name: scale.search[1]}, space=space)]
    sweep = examples.sweep_of([*records, examples.result(0, [0.5])])
    declarations = hp.declarations(MnistSoftmax)
    told = findings.cautions(sweep, declarations)
    assert [each.partition(f"--search={name}=")[2] for each in told] == [wider] * bool(wider)
    assert wider is None or parse_scale(name, declarations[name], wider)


def test_only_the_replicates_of_the_last_phase_count(tmp_path):
    sweep = examples.large_sweep(3, replicates=3)
    before = [sweep.score(trial) for trial in sweep.trials]
    sweep.apply(examples.phase(trials=3, replicates=1))
    firsts = [trial.results[0].best("val_accuracy")[0] for trial in sweep.trials]
    assert [sweep.score(trial) for trial in sweep.trials] == firsts != before
    assert {sweep.spread(trial) for trial in sweep.trials} == {None}
    assert "±" not in findings.answer(sweep)
    for trial in sweep.trials:
        assert max(study.mean_curve(sweep, trial).values()) == pytest.approx(sweep.score(trial))


def test_what_was_fixed_are_values_with_an_effect():
    base = MnistSoftmax(optimizer="adam", beta=0.5, beta_1=0.8).all_texts()
    rates = sweeps.Space((Axis("learning_rate", Log((1e-3, 1.0))),))
    point, notes = {"learning_rate": 0.1}, {"epochs": 3, "bracket": 0, "round": 0}
    records = [examples.phase(space=rates, base=base)]
    records += [examples.ask(0, point, space=rates, note=notes), examples.result(0, [0.5])]
    declarations = hp.declarations(MnistSoftmax)
    told = findings.fixed(examples.sweep_of(records), declarations)
    assert "optimizer adam, beta_1 0.8, beta_2 0.999" in told
    assert not re.search(r"\b(beta|learning_rate|epochs|decay_rate) ", told)
    both = sweeps.Space((Axis("optimizer", Choice(("momentum", "adam"))),))
    told = findings.fixed(examples.sweep_of([examples.phase(space=both, base=base)]), declarations)
    assert "beta 0.5, beta_1 0.8" in told


def test_a_share_is_not_widened_below_zero():
    axis = examples.Axis("dropout", Linear((0.0, 0.5)))
    space = sweeps.Space((axis,))
    for value, count in ((0.0, 0), (0.5, 1)):
        records = [examples.phase(space=space)]
        records += [examples.ask(0, {"dropout": value}, space=space), examples.result(0, [0.5])]
        assert len(findings.cautions(examples.sweep_of(records))) == count


def test_the_expected_best_is_the_mean_over_all_subsets():
    scores = [0.9, 0.7, 0.6, 0.55, 0.1, 0.0]
    for size in range(1, 7):
        subsets = itertools.combinations(scores, size)
        assert findings.expected_best(scores, size) == pytest.approx(
            statistics.fmean(max(subset) for subset in subsets), rel=1e-12
        )


def test_more_trials_are_weighed_against_the_spread_of_replicates():
    assert "too few" in findings.would_more_help(sweep_of([0.5] * 7))
    assert "each was trained once" in findings.would_more_help(examples.large_sweep(20))
    records = [examples.phase(replicates=2)]
    for number in range(8):
        records.append(examples.ask(number, examples.values(0.01)))
        for replicate in range(2):
            score = 0.5 + number / 100 + replicate / 1000
            records.append(examples.result(number, [score], replicate=replicate))
    told = findings.would_more_help(examples.sweep_of(records))
    gain = (
        0.07
        - sum(max(subset) for subset in itertools.combinations([n / 100 for n in range(8)], 4)) / 70
    )
    assert f"the other half added {gain:.2g}" in told
    assert f"That is more than the trainings of one trial differ by ({0.001 / 2**0.5:.2g})" in told
    assert "may be chance" not in told


@pytest.fixture
def chromium():
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"no browser to look with: none of {', '.join(names)} is installed")
    return found


# What a browser asks for on its own account is turned off; any other address leads nowhere.
BROWSER_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
    *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=20000", "--dump-dom"),
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
# Runs before the page's own scripts, and writes what went wrong where the dump shows it.
WATCH = """<script>
addEventListener("error", event => document.body.dataset.errors += event.message);
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) document.documentElement.dataset.requests += entry.name;
}).observe({type: "resource", buffered: true});
</script>"""


def test_a_browser_draws_every_plot_and_asks_nobody(tmp_path, chromium):
    path = tmp_path / "report.html"
    sweep_report.write_sweep_report(examples.large_sweep(40), path)
    figures = Page(path).figures
    watched = tmp_path / "watched.html"
    watched.write_text(path.read_text().replace("<style>", f"{WATCH}<style>", 1))
    command = [chromium, *BROWSER_FLAGS, f"--user-data-dir={tmp_path}/profile", watched.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    parts = re.split(r'<div class="plot[^"]*" id="(\w+)"', done.stdout)[1:]
    drawn = {name for name, part in zip(parts[::2], parts[1::2], strict=True) if "main-svg" in part}
    assert drawn == set(figures)
    assert "CONSOLE" not in done.stderr
    assert "data-errors" not in done.stdout.split("<script>")[0]
    assert "data-requests" not in done.stdout.split("<style>")[0]

import importlib
import json

import processes
import pytest

from benchmarks import inference, training, training_processes, training_report
from benchmarks.contestants import CONTESTANTS, FLOOR, pace
from benchmarks.contestants import task as tasks
from tfcourse import training as ours

# As in real runs: Keras has one backend per process, and a pipeline its process's settings.
PROCESSES = ("fit_tuned", "keras_jax")
# torch.compile is left to real runs: it takes longer than all of this.
HERE = [name for name in CONTESTANTS if name not in (*PROCESSES, "torch_compiled")]


class Epochs(pace.Race):
    """Two epochs, whose losses are kept."""

    def __init__(self):
        super().__init__(target=2.0, max_epochs=2)
        self.losses = []
        self.saved = []

    def trained(self, loss, accuracy, **details):
        self.losses.append(float(loss))

    def finish(self, save):
        self.saved.append(save)


@pytest.fixture(scope="module")
def data_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data.npz"
    training.write_data(path, None, smoke=True)
    return path


def trained(name, data_file):
    """Returns the `Epochs` of a contestant in this process, and how many threads it says it has."""
    contestant = {**CONTESTANTS, **FLOOR}[name]
    if not contestant.is_installed:
        pytest.skip(f"{', '.join(contestant.packages)} not installed")
    module = importlib.import_module(f"benchmarks.contestants.{contestant.module}")
    fields = tasks.task("softmax_regression", 64, data_file, 512, max_epochs=2)
    task = tasks.Task(**fields, variant=contestant.variant, started=0.0)
    epochs = Epochs()
    try:
        module.run(task, module.prepare(task, tasks.Arrays.load(task)), epochs)
    finally:
        ours.set_precision("float32")
    return epochs, module.threads(task)


@pytest.mark.xla
@pytest.mark.filterwarnings("ignore")  # Of other libraries; as a process it would show none.
@pytest.mark.parametrize("name", HERE)
def test_a_contestant_learns_and_is_tested(name, data_file):
    epochs, threads = trained(name, data_file)
    first, last = epochs.losses
    assert last < first
    assert len(epochs.accuracies) == 2
    assert epochs.accuracies[-1] > 0.5
    assert len(epochs.saved) == 1
    assert threads


def run(folder, *arguments):
    training.main(["--smoke", f"--out={folder}", *arguments])
    return json.loads((folder / "performance_training.json").read_text())


def test_contestants_that_are_processes_get_a_row(tmp_path):
    results = run(
        tmp_path,
        *("--parts=steps", "--models=softmax_regression", "--batches=64", "--rounds=1"),
        f"--contestants={','.join(PROCESSES)},floor",
    )
    measured = results["steps"]["softmax_regression/64"]["contestants"]
    installed = [name for name in PROCESSES if CONTESTANTS[name].is_installed]
    assert set(measured) == {*installed, "floor"}
    assert all(len(result["ms"]) == 1 for result in measured.values())
    page = (tmp_path / "performance_training.md").read_text()
    assert all(training_report.LABELS[name] in page for name in measured)
    assert (tmp_path / "images" / "performance_training.png").stat().st_size > 0


def test_every_contestant_has_a_row_on_the_page(tmp_path):
    result = {"ms": [1.0, 2.0], "threads": 2, "first_loss": 2.0, "last_loss": 1.0, "accuracy": 0.5}
    names = [*CONTESTANTS, "floor"]
    section = training.section({name: result for name in names}, skipped={}, rounds=2, examples=512)
    training_report.merge(tmp_path, "steps", "softmax_regression/64", section)
    training_report.write(tmp_path)
    page = (tmp_path / "performance_training.md").read_text()
    assert all(training_report.LABELS[name] in page for name in names)


# Of those that are processes, the one that starts soonest.
QUICK = "torch_resident" if CONTESTANTS["torch_resident"].is_installed else "tfcourse"


def test_a_race_records_its_stages(tmp_path):
    results = run(
        tmp_path,
        *("--parts=races", "--models=batch_norm_mlp", "--race_rounds=1"),
        f"--contestants={QUICK}",
    )
    (result,) = results["races"]["batch_norm_mlp"]["contestants"][QUICK]
    stages = ("import", "data", "compile", "train")
    assert sum(result[stage] for stage in stages) == pytest.approx(result["total"])
    assert result["reached"]


def test_whole_commands_are_compared_with_the_recipe_s(tmp_path, monkeypatch):
    def command(words, **_):
        assert words[1] == "-m"
        return processes.command(*words[2:])

    monkeypatch.setattr(training_processes.subprocess, "run", command)
    results = run(tmp_path, "--parts=commands", "--command_rounds=1", f"--contestants={QUICK}")
    contestants = results["commands"]["batch_norm_mlp"]["contestants"]
    assert set(contestants) == {"recipe", QUICK}
    assert all(len(rounds) == 1 and rounds[0]["accuracy"] > 0.9 for rounds in contestants.values())
    page = (tmp_path / "performance_training.md").read_text()
    assert "Whole commands" in page
    assert "tfcourse, the recipe" in page


def test_inference_is_compared_with_keras(tmp_path, monkeypatch):
    monkeypatch.setattr(inference, "EXAMPLES", 2001)
    inference.main(["--rounds=1", "--models=softmax_regression", f"--out={tmp_path}"])
    page = (tmp_path / "performance_inference.md").read_text()
    assert page.count("| tfcourse |") == page.count("| Keras |") == 2


def test_races_are_compared_over_the_same_number_of_epochs():
    race = {"total": 7.0, "train": 4.0, "epochs_trained": 2}
    assert training_report.for_epochs(race, 3) == 9.0


def test_sections_of_several_runs_are_kept(tmp_path):
    training_report.merge(tmp_path, "steps", "small_cnn/32", {"rounds": 5})
    training_report.merge(tmp_path, "steps", "small_cnn/128", {"rounds": 5})
    training_report.merge(tmp_path, "steps", "small_cnn/32", {"rounds": 7})
    assert training_report.read(tmp_path)["steps"] == {
        "small_cnn/32": {"rounds": 7},
        "small_cnn/128": {"rounds": 5},
    }


def test_ratios_compare_within_a_round():
    section = {"contestants": {"tfcourse": {"ms": [1.0, 2.0]}, "fit": {"ms": [4.0, 6.0]}}}
    assert training_report.ratios(section, "fit") == [4.0, 3.0]


def test_floor_takes_the_fastest_library_for_every_product():
    results = {
        "floor_numpy": {"parts": [[0.001, 0.004]]},
        "floor_torch": {"parts": [[0.002, 0.003]]},
        "tfcourse": {"ms": [9.0]},
    }
    assert training.with_floor(results) == {"tfcourse": {"ms": [9.0]}, "floor": {"ms": [4.0]}}


def test_a_race_goes_on_for_a_second_epoch_and_ends_at_its_limit():
    quick, slow = pace.Race(0.9, max_epochs=5), pace.Race(0.9, max_epochs=3)
    pace.drive(quick, lambda: (0.0, 0.0), lambda: 0.95, print)
    pace.drive(slow, lambda: (0.0, 0.0), lambda: 0.5, print)
    assert (quick.epochs, len(quick.times)) == (1, 2)
    assert (slow.epochs, len(slow.times)) == (None, 3)


def test_a_command_keeps_its_model_after_its_epochs():
    saved, command = [], pace.Command(2, "there")
    pace.drive(command, lambda: (0.0, 0.0), lambda: 0.5, saved.append)
    assert command.accuracies == [0.5, 0.5]
    assert saved == ["there"]


def test_the_readme_says_the_measured_ratios():
    readme = " ".join((processes.ROOT / "README.md").read_text().split())
    assert training_report.in_one_line(processes.ROOT / "docs") in readme

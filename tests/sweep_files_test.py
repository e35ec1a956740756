import csv
import io
import os
import subprocess
import sys

import pytest
import sweep_examples as examples
import werkzeug.test
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin

from tfcourse.tuning import records, sweeps
from tfcourse.tuning.report import files as sweep_files


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_trials_are_a_row_each():
    first, second, third = table(sweep_files.trials_csv(examples.small_sweep()))
    assert first == {
        "trial": "0",
        "status": "complete",
        "reason": "",
        "score": "0.625",  # The mean of 0.75 and 0.5.
        "spread": str(0.125 * 2**0.5),
        "best_epoch": "1.5",
        "trained_epochs": "5",
        "seconds": "5.0",
        "generation": "0",
        "note_round": "1",
        "optimizer": "momentum",
        "learning_rate": "0.01",
        "beta": "0.99",
        "batch_size": "64",
        "hidden_units": "128",
        "epochs": "5",
    }
    assert second["status"] == "infeasible"
    assert second["reason"] == "the loss is <b>NaN</b>, at step 3"
    assert (second["score"], second["spread"], second["beta"]) == ("", "", "")
    assert (third["status"], third["score"], third["note_round"]) == ("unfinished", "", "")


def test_curves_are_a_row_for_each_epoch_of_each_training():
    rows = table(sweep_files.curves_csv(examples.small_sweep()))
    places = [(row["trial"], row["replicate"], row["epoch"]) for row in rows]
    assert places == [
        *[("0", "0", "1"), ("0", "0", "2")],
        *[("0", "1", "1"), ("0", "1", "2"), ("0", "1", "3")],
        *[("1", "0", "1"), ("2", "0", "1")],
    ]
    scores = [float(row["val_accuracy"]) for row in rows]
    assert scores == [0.5, 0.75, 0.5, 0.5, 0.25, 0.5, 0.25]
    assert rows[1]["loss"] == "0.5"


def test_axes_of_every_phase_have_a_column():
    narrow = sweeps.Space(examples.AXES[1:2])
    phases = [examples.phase(), examples.phase(space=narrow)]
    names = sweep_files.hyperparameter_names(examples.sweep_of(phases))
    assert names[0] == "learning_rate"
    assert set(names) == {axis.name for axis in examples.AXES}


def hparams_plugin(folder):
    """Returns `ask(route, request)`, the answer of TensorBoard's HParams tab for `folder`."""
    # Imported here, where the test lets pass what a library inside TensorBoard warns of.
    from tensorboard.plugins.hparams.hparams_plugin import HParamsPlugin

    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder))
    context = base_plugin.TBContext(data_provider=provider, logdir=str(folder))
    apps = HParamsPlugin(context).get_plugin_apps()

    def ask(route, request):
        answer = werkzeug.test.Client(apps[route]).post(json=request)
        assert answer.status_code == 200, answer.text
        return answer.json

    return ask


SESSION_GROUPS = {
    "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING", "STATUS_UNKNOWN"],
    "aggregationType": "AGGREGATION_AVG",
    "sliceSize": 1000,
}


@pytest.mark.filterwarnings("ignore:html5lib's sanitizer is deprecated:DeprecationWarning")
def test_hparams_are_read_by_tensorboard(tmp_path):
    sweep_files.write_hparams(examples.small_sweep(), tmp_path)
    ask = hparams_plugin(tmp_path)
    experiment = ask("/experiment", {"experimentName": ""})
    domains = {info["name"]: info for info in experiment["hparamInfos"]}
    assert domains["learning_rate"]["domainInterval"] == {"minValue": 1e-4, "maxValue": 1.0}
    assert domains["epochs"]["domainInterval"] == {"minValue": 2.0, "maxValue": 20.0}
    assert domains["optimizer"]["domainDiscrete"] == ["adam", "momentum"]  # As TensorBoard sorts.
    assert domains["hidden_units"]["domainDiscrete"] == ["128", "256,128"]
    assert domains["batch_size"]["domainDiscrete"] == [32.0, 64.0, 128.0, 256.0, 512.0]
    (metric,) = experiment["metricInfos"]
    assert metric["displayName"] == "best val_accuracy"

    groups = ask("/session_groups", SESSION_GROUPS)["sessionGroups"]
    groups = {group["name"]: group for group in groups}
    assert set(groups) == {"trial 0000", "trial 0001"}  # The third is not done.
    hparams = {**examples.values(0.01, optimizer="momentum"), "hidden_units": "128"}
    assert groups["trial 0000"]["hparams"] == hparams
    assert "beta" not in groups["trial 0001"]["hparams"]
    score = next(m for m in groups["trial 0000"]["metricValues"] if m["name"] == metric["name"])
    assert score["value"] == 0.625
    statuses = [[s["status"] for s in groups[name]["sessions"]] for name in sorted(groups)]
    assert statuses == [["STATUS_SUCCESS", "STATUS_SUCCESS"], ["STATUS_FAILURE"]]


def test_written_again_hparams_replace_only_what_changed(tmp_path):
    sweep = examples.small_sweep()
    sweep_files.write_hparams(sweep, tmp_path)
    (tmp_path / "trial_0001" / "mine.txt").write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    sweep.apply(records.Void([1]))
    sweep.apply(examples.result(2, [0.5], replicate=1))
    sweep_files.write_hparams(sweep, tmp_path)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    gone = {path for path in before if path not in after}
    assert {path.parent.parent.name for path in gone} == {"trial_0001"}
    assert {path.parent.parent.name for path in set(after) - set(before)} == {"trial_0002"}
    assert all(after[path] == before[path] for path in set(after) & set(before))


def test_trials_without_replicates_have_one_folder_each(tmp_path):
    told = [examples.phase(), examples.ask(0, examples.values(0.1)), examples.result(0, [0.5])]
    sweep_files.write_hparams(examples.sweep_of(told), tmp_path)
    assert [path.name for path in (tmp_path / "trial_0000").iterdir() if path.is_file()]


def test_files_are_written_without_tensorflow(tmp_path):
    code = (
        "import sys, sweep_examples; from tfcourse.tuning.report import files;"
        f"files.write_hparams(sweep_examples.small_sweep(), {str(tmp_path)!r});"
        "print('tensorflow' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.stdout.strip() == "False", done.stderr

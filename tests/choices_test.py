"""A new optimizer, schedule, model and scale: their code, one line each; all else knows them."""

import importlib.util
import json
import pathlib
import shutil

import processes
import pytest

ROOT = pathlib.Path(__file__).parents[1]

OPTIMIZER = """
import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfcourse")
class SignDescent(keras.optimizers.Optimizer):
    weighted_by = "beta"

    def __init__(self, learning_rate=0.001, beta=0.9, name="sign_descent", **kwargs):
        super().__init__(learning_rate, name=name, **kwargs)
        self.beta = beta

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._weighted_sums = self.add_optimizer_variables(variables, "weighted_sum")

    def update_step(self, gradient, variable, learning_rate):
        weighted_sum = self._weighted_sums[self._get_variable_index(variable)]
        self.assign(weighted_sum, self.beta * weighted_sum + gradient)
        self.assign_sub(variable, learning_rate * ops.sign(weighted_sum))

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}
"""

SCHEDULE = """
import keras

from tfcourse.schedules.exponential import ExponentialDecay


@keras.saving.register_keras_serializable(package="tfcourse")
class Stairs(ExponentialDecay):
    def epochs(self, step):
        return 2 * super().epochs(step)
"""

MODEL = """
def narrow(input_shape, num_classes, dropout=0.0):
    return batch_norm_mlp(input_shape, num_classes, (4,), dropout)


MODELS"""

SCALE = """
class Squared(Scale):
    name = "squared"
    title = "scale: squared"
    proxy_name = "square_{}"
    proxy_label = "{} squared"

    @staticmethod
    def proxy(value):
        return value**2

    @staticmethod
    def value_of_proxy(proxy):
        return proxy**0.5


SCALES"""

LINES = {
    "OPTIMIZERS = {": '"sign_descent": Optimizer('
    '"tfcourse.optimizers.sign_descent:SignDescent", "Signs", ("beta",)),',
    "SCHEDULES = {": '"stairs": Schedule("tfcourse.schedules.stairs:Stairs", "stairs", '
    '("decay_rate",)),',
    "MODELS = {": '"narrow": Choice("tfcourse.models:narrow", "narrow MLP", ("dropout",)),',
}


def insert(path, before, text):
    whole = path.read_text()
    assert whole.count(before) == 1, (path, before)
    path.write_text(whole.replace(before, text))


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """Returns a copy of the repository to which a newcomer has added one of each."""
    folder = tmp_path_factory.mktemp("extended")
    for name in ("tfcourse", "recipes", "configs", "docs/hooks", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    (folder / "tfcourse/optimizers/sign_descent.py").write_text(OPTIMIZER)
    (folder / "tfcourse/schedules/stairs.py").write_text(SCHEDULE)
    insert(folder / "tfcourse/models.py", "\nMODELS", MODEL)
    insert(folder / "tfcourse/scales.py", "\nSCALES", SCALE)
    for table, line in LINES.items():
        insert(folder / "tfcourse/choices.py", table, f"{table}\n    {line}")
    insert(folder / "tfcourse/scales.py", "PowerOfTwo, Choice)", "PowerOfTwo, Choice, Squared)")
    return folder


@pytest.fixture
def python(extended):
    def run(*arguments):
        result = processes.command(*arguments, cwd=extended, root=extended)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


NEW = ("--model=narrow", "--optimizer=sign_descent", "--schedule=stairs", "--decay_rate=0.5")


def test_new_choices_train_with_their_hyperparameters_and_are_nudged(python, extended):
    losses = {}
    for beta in ("0.5", "0.95"):
        folder = extended / f"trained_{beta}"
        arguments = (*NEW, f"--beta={beta}", f"--run_dir={folder}")
        python("recipes.mnist_softmax", "--smoke", *arguments)
        losses[beta] = json.loads((folder / "metrics.json").read_text())["test_loss"]
    assert losses["0.5"] != losses["0.95"]
    # The rate of each epoch is a quarter of the one before: 0.5 ** 2.
    first, second = (extended / "trained_0.5/history.csv").read_text().splitlines()[1:3]
    header = (extended / "trained_0.5/history.csv").read_text().splitlines()[0].split(",")
    rates = [float(row.split(",")[header.index("learning_rate")]) for row in (first, second)]
    assert rates[1] == pytest.approx(rates[0] / 4)

    (extended / "running").mkdir()
    (extended / "running/flags.txt").write_text("--optimizer=sign_descent\n")
    told = python("recipes.nudge", "--run_dir=running", "--beta=0.25")
    assert "beta=0.25 takes effect" in told
    python(
        "-c",
        """
from tfcourse.optimizers import OPTIMIZERS
from tfcourse.training.optimizer_settings import OptimizerSettings
optimizer = OPTIMIZERS["sign_descent"](0.1)
optimizer.build([])
settings = OptimizerSettings(optimizer)
settings.set("beta", 0.25)
assert optimizer.beta == settings.state()["beta"] == 0.25
""",
    )


def test_new_choices_and_scales_are_swept(python, extended):
    folder = extended / "sweep"
    python(
        *("recipes.mnist_softmax", "--dataset=digits", "--epochs=1", *NEW),
        *("--sweep=random", "--trials=2", "--workers=1", f"--run_dir={folder}"),
        *("--search=beta=0.5:0.9:squared", "--fix=optimizer", "--fix=learning_rate"),
        *("--fix=batch_size", "--fix=dropout", "--fix=epochs"),
    )
    header, *rows = (folder / "trials.csv").read_text().splitlines()
    column = header.split(",").index("beta")
    assert all(0.5 <= float(row.split(",")[column]) <= 0.9 for row in rows)
    assert "--beta=" in (folder / "best.flags").read_text()
    assert "beta squared" in (folder / "report.html").read_text()


def test_new_choices_are_drawn(python):
    python(
        "-c",
        """
import numpy as np
from recipes.claims import pictures
from tfcourse import choices, reports
from tfcourse.reports import style
names = pictures.optimizers.NAMES
assert names["sign_descent"] == "Signs" and len(names) > len(style.COLOURS)
rates = np.array([0.1, 0.2, 0.4])
curves = {name: (rates, np.array([0.2, 0.1, 0.3])) for name in names}
pictures.optimizers.draw_sensitivity({"narrow": curves}, "sensitivity.png")
reports.draw_lines({n: (rates, rates) for n in names}, "lines.png", title="", xlabel="", ylabel="")
from benchmarks import optimizers
""",
    )


def test_new_choices_are_documented(python):
    if not importlib.util.find_spec("mkdocs"):
        pytest.skip("mkdocs: pip install -e '.[docs]'")
    page = python(
        "-c",
        """
import sys
sys.path.insert(0, "docs/hooks")
import recipe_pages
print(recipe_pages.page("mnist_softmax", recipe_pages.programs()["mnist_softmax"]))
""",
    )
    flags = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `--")}
    assert "`--optimizer=sign_descent`" in flags["--beta"]
    assert "`--schedule=stairs`" in flags["--decay_rate"]
    assert "`--model=narrow`" in flags["--dropout"]
    for flag, name in (("optimizer", "sign_descent"), ("schedule", "stairs"), ("model", "narrow")):
        assert name in flags[f"--{flag}"]

"""What README and docs tell a reader to type is run, page by page, in order.

Each page begins in an empty folder beside what it says the reader has.
"""

import pathlib
import re
import shlex
import shutil

import processes
import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
PAGES += sorted(f"docs/course/{path.name}" for path in (ROOT / "docs/course").glob("*.md"))
PROGRAMS = ("python", "pip", "tfcourse", "git", "dask", "export", "#!/bin/bash")

# Commands that no test can run, and why.
NOT_RUN = {
    r"git clone|^cd |^source ": "network",
    r"python -m venv|pip install": "network and minutes; .ci/run does it",
    r"python -m pytest": "the tests themselves",
    r"mlflow": "a package that is optional; tests/tracking_test.py",
    r"recipes\.playground": "serves until it is stopped; tests/playground_recipe_test.py",
    r"--dataset=(fashion_mnist|titanic|cats_vs_dogs)": "network",
    r"recipes\.claims\.": "minutes; tests/*_recipe_test.py run each with --smoke",
    r"dask|srun|KERASTUNER|CUDA_VISIBLE|TF_CONFIG|#!|#SBATCH|^address=|\"task\":": "more machines",
    r"--scheduler|--strategy=multi_worker": "more machines; tests/cluster_test.py",
}
# Commands that end where their training would begin, and where it is run: by then the flags are
# read, the data is loaded, the run is opened.
NOT_TRAINED = {
    r"recipes\.(searching|quadratic|\w+_regression)": "tests/*_recipe_test.py",
    r"configs/lessons\.(?!gradient_checking)": "tests/lesson_recipes_test.py",
    r"mnist_softmax --smoke": "the command above it",
    r"--diagnose|--find_learning_rate": "tests/diagnosis_test.py, tests/finder_flag_test.py",
    r"--image_size=64|--dataset=npz": "README's photos and penguins; tests/augmentation_test.py",
    r"classify\.penguins|body_mass_g$": "README's penguins; docs/use.md",
    r"sweep\.flags.*runs/sweep$|which_optimizer": "docs/sweeps.md, with --confirm",
}
# What is typed besides, so that a training takes seconds; the first that fits.
CHEAPER = {
    r"--help|--describe|--smoke": (),
    r"my_package.*--sweep": ("--epochs=1", "--trials=2", "--workers=1"),
    r"--confirm": ("--smoke", "--trials=2", "--workers=1", "--confirm=1"),
    r"sweep": ("--smoke", "--trials=2", "--workers=1"),
    r"my_package.*--run_dir": ("--epochs=1",),
    r"--dataset=images:photos": ("--smoke", "--model=softmax_regression"),
    r"recipes\.(mnist_softmax|classify|quadratic|\w+_regression|lessons|searching)": ("--smoke",),
}
PYTHON_CHEAPER = {
    r"max_trials=10": "max_trials=1",
    r"epochs=(5|10)": "epochs=1",
    # tests/diagnosis_test.py makes all checks.
    r"(diagnose\(.*)\)": r'\1, checks=["gradients", "units"])',
    r'class_weight="balanced"': 'class_weight="balanced", epochs=1',
    r".*=\.\.\..*": "",  # A line with `...` is a sketch.
}
# A sweep starts no workers, of which each would import TensorFlow; tests/sweep_test.py has some.
WITHOUT_WORKERS = """
import contextlib
from tfcourse import tuning
tuning.Workers = lambda *_: contextlib.nullcontext(tuning.InProcess())
"""
WITHOUT_TRAINING = """
import sys
from tfcourse.command_line import program
program._work = lambda *_: sys.exit()
"""
RUN = f"""{WITHOUT_WORKERS}
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
# What a page says in words that the reader has.
GIVEN = {
    "docs/your_recipe.md": "my_package",
    "docs/sweeps.md": "my_package",
    "docs/your_data.md": "birds",
    "docs/reliability.md": "runs",
    "docs/instructors.md": "handed_in",
}


def blocks(page):
    """Yields the kind and the text of each block of code: "python", "commands" or "shown"."""
    kind, lines = "", []
    for line in [*(ROOT / page).read_text().splitlines(), ""]:
        if line.startswith("```"):
            if lines:
                yield kind, "\n".join([*lines, ""])
            kind, lines = ("" if kind else line[3:]), []
        elif kind or line.startswith("    "):
            lines.append(line if kind else line[4:])
        elif lines:
            first = re.sub(r"^(\w+=\S+\s+)+", "", lines[0]).split()[0]
            yield "commands" if first in PROGRAMS else "shown", "\n".join([*lines, ""])
            lines = []


def commands(block):
    """Yields the commands of a block, one at a time, without comments."""
    for line in block.replace("\\\n", " ").splitlines():
        for command in re.sub(r"\s+# .*", "", line).split(" && "):
            if command.strip():
                yield command.strip()


def first(table, command):
    return next((entry for what, entry in table.items() if re.search(what, command)), None)


def started(command, folder):
    """Returns the process that a command or code was, in its cheaper form."""
    if "\n" in command:
        return processes.command("-c", command, cwd=folder)
    words = [*shlex.split(command), *(first(CHEAPER, command) or ())]
    words = words[2:] if words[:2] == ["python", "-m"] else words
    code = RUN
    if first(NOT_TRAINED, command):
        code = WITHOUT_TRAINING + RUN
        words.append(f"--run_dir=not_trained/{len(list(folder.glob('not_trained/*')))}")
    return processes.command("-c", code, *words, cwd=folder)


def give(page, folder):
    """Makes what the page says in words that there is."""
    if GIVEN.get(page) == "my_package":
        (folder / "my_package").mkdir()
        (folder / "my_package/__init__.py").touch()
        code = next(text for kind, text in blocks("docs/your_recipe.md") if kind == "python")
        (folder / "my_package/two_layers.py").write_text(code)
    if GIVEN.get(page) == "runs":
        (folder / "runs/one").mkdir(parents=True)
        (folder / "runs/one/flags.txt").write_text("--optimizer=adam\n")
    if GIVEN.get(page) == "handed_in":
        shutil.copytree(ROOT / "notebooks", folder / "handed_in")
    if GIVEN.get(page) == "birds":
        from PIL import Image

        (folder / "birds").mkdir()
        for number in range(20):
            Image.new("L", (20, 20), 12 * number).save(folder / f"birds/{number:04}.jpg")
        rows = [f"{number:04}.jpg,{'crow' if number < 10 else 'gull'}" for number in range(20)]
        for name in ("birds/labels.csv", "train.csv"):
            (folder / name).write_text("\n".join(["image,species", *rows, ""]))
        visits = [f"{number % 20},{number}" for number in range(60)]
        for name in ("visits.csv", "series.csv"):
            (folder / name).write_text("\n".join(["patient,weight", *visits, ""]))


# Names that a page's Python takes from the reader, or from a block above.
NAMES = {
    "README.md": """
import tfcourse
from recipes import mnist_softmax
data = tfcourse.datasets.load("digits")
""",
    "docs/your_data.md": """
import numpy as np, pandas, tensorflow as tf, tfcourse
features, labels = np.random.default_rng(1).random((60, 3)), np.arange(60) % 2
prices, frame = features[:, 0], pandas.read_csv("penguins.csv").assign(**{"name, full": "x"})
tf_data_set = tf.data.Dataset.from_tensor_slices((features, labels)).batch(20)
""",
    "docs/distributed.md": """
import tensorflow as tf
from recipes import mnist_softmax
from tfcourse import datasets, training
data = datasets.load("digits")
model = mnist_softmax.build(mnist_softmax.MnistSoftmax(hidden_units=(8,)), data, 1)
""",
}


def steps(page):
    """Yields the commands and the code that are run, in order."""
    modules = ("GeneratorBasedBuilder", "class TwoLayers")  # tests/own_tfds_test.py; `give`.
    for kind, text in blocks(page):
        if kind == "commands":
            yield from (command for command in commands(text) if not first(NOT_RUN, command))
        elif kind == "python" and not any(part in text for part in modules):
            for what, cheaper in PYTHON_CHEAPER.items():
                text = re.sub(what, cheaper, text)
            yield NAMES.get(page, "") + text


def leave_unfinished(folder):
    """Lets the newest run look like one that is training."""
    flags = max(folder.glob("runs/**/flags.txt"), key=lambda path: path.stat().st_mtime_ns)
    (flags.parent / "metrics.json").unlink(missing_ok=True)


@pytest.mark.parametrize("page", [page for page in PAGES if any(steps(page))])
def test_what_it_shows_runs_in_order(page, tmp_path):
    give(page, tmp_path)
    for step in steps(page):
        if "recipes.nudge" in step:
            leave_unfinished(tmp_path)
        done = started(step, tmp_path)
        assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"


def test_every_line_in_a_table_is_used():
    shown = [text for page in PAGES for kind, text in blocks(page) if kind == "commands"]
    typed = [command for text in shown for command in commands(text)]
    tables = (*NOT_RUN, *NOT_TRAINED, *CHEAPER)
    unused = [what for what in tables if not any(re.search(what, c) for c in typed)]
    assert unused == []


def test_the_first_screen_says_what_to_type_what_it_costs_and_where_to_go():
    screen = (ROOT / "README.md").read_text().partition("To run the tests")[0]
    typed = [c for text in re.findall(r"(?:^    .*\n)+", screen, re.M) for c in commands(text)]
    assert [" ".join(command.split()[:3]) for command in typed] == [
        "git clone ADDRESS",
        "cd tfcourse",
        "python -m venv",
        "source .venv/bin/activate",
        "pip install -e",
        "python -m recipes.mnist_softmax",
    ]
    assert re.search(r"3 GB of disk space .*\s.* minutes", screen)
    assert len(re.findall(r"^!\[", screen, re.M)) == 1
    assert len(re.findall(r"^- \*\*", screen, re.M)) == 3

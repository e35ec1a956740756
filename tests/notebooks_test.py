import ast
import base64
import importlib.metadata
import io
import json
import os
import pathlib
import re
import sys

import matplotlib.image
import nbformat
import processes
import pytest
from nbformat import v4

FOLDER = pathlib.Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MAX_BYTES = 300_000
# A path from the root, a home or a drive, but not a part of an address or of a fraction.
# Each of these shows one picture.
PICTURE = re.compile(r"\b(?:Image|LiveCurves|LiveSweep)\(")
LOGIC = (
    *(ast.If, ast.For, ast.While, ast.Try, ast.With, ast.FunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.IfExp, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~-])(?:/[\w.-]+/|~/|[A-Za-z]:\\)")

# What makes the cells quick: their numbers are a learner's to change anyway.
CHEAPER = {
    r"^((?:more_)?epochs) = \d+": r"\1 = 2",
    r"^steps = \d+": "steps = 10",
    r"^trials = \d+": "trials = 4",
    r"^data = datasets\.load\((.*)\)$": r"data = datasets.load(\1).smaller(128)",
    r"(draw_(?:batch_sizes|sensitivity)\(.*)\)$": r"\1, epochs=1)",
    r"(draw_(?:noise|usable_rates)\(.*)\)$": r"\1, steps=20)",
}

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(cell):
    data = [output.get("data", {}) for output in cell.outputs]
    return [base64.b64decode(d["image/png"]) for d in data if "image/png" in d]


def texts(cell):
    for output in cell.outputs:
        yield output.get("text", "")
        yield from (v for k, v in output.get("data", {}).items() if k.startswith("text/"))


def is_blank(png):
    return matplotlib.image.imread(io.BytesIO(png)).std() < 0.01


def faults(notebook):
    """What is wrong with the outputs of an executed notebook, one text a fault."""
    cells = code_cells(notebook)
    found = []
    if [cell.execution_count for cell in cells] != list(range(1, len(cells) + 1)):
        found.append("not executed once, from top to bottom")
    if not any(pictures(cell) for cell in cells):
        found.append("no picture")
    for cell in cells:
        if any(output.output_type == "error" for output in cell.outputs):
            found.append(f"{cell.id}: error")
        if any(output.get("name") == "stderr" for output in cell.outputs):
            found.append(f"{cell.id}: stderr")
        if any(ABSOLUTE_PATH.search(text) for text in texts(cell)):
            found.append(f"{cell.id}: absolute path")
        if len(pictures(cell)) != len(PICTURE.findall(cell.source)):
            found.append(f"{cell.id}: missing picture")
        if any(is_blank(png) for png in pictures(cell)):
            found.append(f"{cell.id}: blank picture")
    return found


def execute(*arguments, **environment):
    # In a process of its own, since Jupyter's warnings would be errors here.
    path = os.pathsep.join(map(str, (processes.WITHOUT_XLA, processes.ROOT)))
    return processes.python(
        FOLDER / "execute.py", *arguments, timeout=600, path=path, **environment
    )


@pytest.fixture
def warm_kernels(tmp_path):
    """The variable with which Jupyter's kernels are forks of what has imported TensorFlow."""
    server = processes.server(True, str(processes.ROOT))
    start = [sys.executable, str(processes.ROOT / "tests/warm_kernel.py"), server]
    kernel = tmp_path / "jupyter/kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [*start, "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "Python 3"}))
    return {"JUPYTER_PATH": str(tmp_path / "jupyter"), "JUPYTER_PREFER_ENV_PATH": "0"}


def test_there_is_a_notebook_for_each_chapter():
    assert [path.name[:2] for path in NOTEBOOKS] == ["1_", "2_", "3_", "4_", "5_"]


def cheaper(notebook):
    """Returns the notebook with shorter trainings of fewer examples."""
    for cell in code_cells(notebook):
        for what, instead in CHEAPER.items():
            cell.source = re.sub(what, instead, cell.source, flags=re.MULTILINE)
    return notebook


@each_notebook
def test_every_cell_runs_in_a_clean_kernel_and_draws_its_picture(path, tmp_path, warm_kernels):
    # The first one's kernel is a process of its own, as for users; to import takes as long as the
    # rest of a notebook.
    kernels = {} if path == NOTEBOOKS[0] else warm_kernels
    typed = cheaper(read(path))
    nbformat.write(typed, tmp_path / path.name)
    done = execute(tmp_path / path.name, **kernels)
    assert done.returncode == 0, done.stderr[-3000:]
    executed = read(tmp_path / path.name)
    assert faults(executed) == []
    # The committed one is what the command writes; only numbers differ.
    for new, asked, committed in zip(executed.cells, typed.cells, read(path).cells, strict=True):
        assert (new.id, new.source) == (committed.id, asked.source)
        if new.cell_type == "code":
            assert [o.output_type for o in new.outputs] == [
                o.output_type for o in committed.outputs
            ]


@each_notebook
def test_committed_outputs_are_clean_and_small(path):
    assert faults(read(path)) == []
    assert path.stat().st_size < MAX_BYTES


@each_notebook
def test_committed_form_is_the_one_that_every_jupyter_reads(path):
    notebook = read(path)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert not any(ABSOLUTE_PATH.search(cell.source) for cell in notebook.cells)


@each_notebook
def test_first_code_cell_installs_only_what_is_missing(path):
    first = code_cells(read(path))[0].source
    assert re.search(r'^ADDRESS = "git\+.*"  # @param \{type:"string"\}$', first, re.MULTILINE)
    assert 'if importlib.util.find_spec("tfcourse") is None:\n    %pip install' in first
    assert "tensorflow" not in first


def test_a_failed_installation_ends_the_cell_with_a_sentence():
    first = code_cells(read(NOTEBOOKS[0]))[0].source
    first = first.replace('"tfcourse"', '"no_such_package"').replace("%pip", "asked = True #")
    names = {}
    with pytest.raises(ModuleNotFoundError, match=r"pip could not install 'git\+.*address"):
        exec(first, names)
    assert names["asked"]


def test_the_address_of_the_project_is_filled_in():
    notebook = read(NOTEBOOKS[0])
    name = "tfcourse_execute"
    spec = importlib.util.spec_from_file_location(name, FOLDER / "execute.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    program.fill_in(notebook, "https://example.com/some/tfcourse")
    first = code_cells(notebook)[0].source
    assert 'ADDRESS = "git+https://example.com/some/tfcourse"  # @param' in first


@each_notebook
def test_cells_import_and_call_and_hold_no_logic(path):
    for cell in code_cells(read(path))[1:]:
        tree = ast.parse(cell.source)
        found = {type(node) for node in ast.walk(tree) if isinstance(node, LOGIC)}
        # An exercise may ask for a function; what it does is left to the learner.
        allowed = {ast.FunctionDef} if cell.id.startswith("exercise-") else set()
        assert found <= allowed, cell.id
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert ast.unparse(node.body) == "return None", cell.id


@each_notebook
def test_numbers_are_changed_in_forms_and_a_training_is_watched(path):
    sources = [cell.source for cell in code_cells(read(path))]
    forms = [line for source in sources for line in source.splitlines() if "# @param" in line]
    assert sum('{type:"slider"' in line for line in forms) >= 3
    assert any('# @param ["digits", "mnist"' in line for line in forms)
    assert any("LiveCurves(" in source for source in sources)
    assert any("show_code(" in source for source in sources)
    for line in forms:
        name, value = re.fullmatch(r"(\w+) = (.+?)  # @param [\[{].+[\]}]", line).groups()
        assert name
        limits = re.search(r"min:([\d.]+), max:([\d.]+), step:([\d.]+)", line)
        if limits:
            low, high, step = map(float, limits.groups())
            assert low <= float(value) <= high
            steps = (float(value) - low) / step
            assert abs(steps - round(steps)) < 1e-6, line


@each_notebook
def test_links_between_files_lead_somewhere(path):
    for cell in read(path).cells:
        for link in re.findall(r"\]\((\.\.?/[^)#]+)", cell.source):
            assert (FOLDER / link).exists(), link


def test_jupyter_is_declared_for_notebooks_and_tests():
    required = importlib.metadata.requires("tfcourse")
    for package in ("ipykernel", "nbclient", "nbformat"):
        assert any(re.match(rf"{package}\b.*extra == .notebooks", line) for line in required)


PNG = {
    "image/png": (  # 2 x 1 pixels, one black and one white.
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGNg+A8AAQIBAEK+vGgAAAAASUVORK5CYII="
    )
}


def one_cell(source, *outputs, execution_count=1):
    cell = v4.new_code_cell(
        source, id="cell", outputs=list(outputs), execution_count=execution_count
    )
    return v4.new_notebook(cells=[cell])


def test_a_good_notebook_has_no_faults():
    picture = v4.new_output("display_data", PNG)
    text = v4.new_output("stream", text="see https://keras.io/api/layers/: 1/2/3 and/or 0 /m")
    assert faults(one_cell("Image(path)", picture, text)) == []


@pytest.mark.parametrize(
    ("fault", "output"),
    [
        ("cell: error", v4.new_output("error", ename="E", evalue="", traceback=[])),
        ("cell: stderr", v4.new_output("stream", name="stderr", text="W0000 no GPU")),
        ("cell: absolute path", v4.new_output("stream", text="in '/home/me/tfcourse/a.py'")),
        ("cell: absolute path", v4.new_output("stream", text=r"in C:\tfcourse\a.py")),
        ("cell: absolute path", v4.new_output("execute_result", {"text/plain": "~/runs"})),
        ("cell: missing picture", v4.new_output("display_data", PNG)),
    ],
)
def test_each_fault_is_found(fault, output):
    assert fault in faults(one_cell("Image(path)", v4.new_output("display_data", PNG), output))


def test_missing_execution_and_missing_pictures_are_found():
    found = faults(one_cell("Image(path)", execution_count=None))
    assert found == ["not executed once, from top to bottom", "no picture", "cell: missing picture"]


def test_a_failing_cell_fails_the_command_and_leaves_the_notebook(tmp_path):
    path = tmp_path / "broken.ipynb"
    nbformat.write(one_cell("learning_rate = 1 / 0"), path)
    before = path.read_bytes()
    done = execute(path)
    assert done.returncode == 1
    assert "broken.ipynb" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert path.read_bytes() == before

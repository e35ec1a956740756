import base64
import io
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from recipes.playground import __main__ as playground
from tfcourse import command_line, drawing, inference

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ROOT = pathlib.Path(__file__).parents[1]
NAMES = ("cat", "<dog>", "bird")


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("gradio", reason="no gradio: pip install -e '.[playground]'")
    from recipes.playground import page as playground_page

    return playground_page


def cells(table):
    rows = re.findall(r"<tr class.*?</tr>", table)
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in rows]


def test_scores_stand_beside_their_softmax(page):
    table = page.score_table(NAMES, np.array([1.0, 3.0, -1000.0]))
    assert cells(table) == [
        ["cat", "11.9 %", "1.00"],
        ["&lt;dog&gt;", "88.1 %", "3.00"],
        ["bird", "0.0 %", "-1000.00"],
    ]
    assert table.count('class="best"') == 1
    assert '<tr class="best"><td class="name">&lt;dog&gt;' in table
    assert 'style="left: 0.00%; width: 88.08%"' in table
    assert 'style="left: 0.00%; width: 50.00%"' in table  # The lowest score, to the left.


def test_before_anything_is_drawn_the_bars_are_empty(page):
    table = page.score_table(NAMES)
    assert cells(table) == [["cat", "", ""], ["&lt;dog&gt;", "", ""], ["bird", "", ""]]
    assert set(re.findall("width: (.*?)%", table)) == {"0.00"}
    assert "best" not in table


def test_ink_is_what_covers_the_canvas(page):
    canvas = np.zeros((5, 5, 4), np.uint8)
    canvas[1, 2] = (0, 0, 0, 200)  # Black, as the canvas is where nothing covers it.
    buffer = io.BytesIO()
    Image.fromarray(canvas).save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    np.testing.assert_array_equal(page.ink_of(url), canvas[..., 3])
    with pytest.raises(ValueError, match="base64"):
        page.ink_of("data:image/gif;base64,AAAA")


def test_the_newest_finished_run_is_taken(tmp_path):
    with pytest.raises(command_line.UsageError, match=r"no finished run.*\npython -m recipes"):
        playground.newest_run(tmp_path / "none")
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text("{}")
    (tmp_path / "unfinished").mkdir()
    assert playground.newest_run(tmp_path).name in ("a", "b")


def test_without_a_run_it_says_how_to_train_one(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(command_line.UsageError, match="no finished run") as error:
        playground.main(playground.Playground())
    assert error.value.exit_code == 2


def test_runs_of_something_else_are_refused(table_run, tmp_path):
    with pytest.raises(command_line.UsageError, match="not on grey images") as error:
        playground.load(table_run)
    assert error.value.exit_code == 2
    with pytest.raises(inference.NotARunError, match=r"no flags\.txt"):
        playground.load(tmp_path)


def test_a_damaged_run_is_refused(trained_run, tmp_path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    (run / "weights.arrays").write_bytes(b"nothing")
    with pytest.raises(Exception, match=r"weights\.arrays") as error:
        playground.load(run)
    assert error.value.exit_code == 4


@pytest.fixture
def address(trained_run):
    pytest.importorskip("gradio", reason="no gradio: pip install -e '.[playground]'")
    command = [sys.executable, "-m", "recipes.playground", f"--run_dir={trained_run}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line.startswith("Draw at http://127.0.0.1:"), line
    yield line.split()[-1]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    process.stdout.close()


def test_strokes_change_the_probabilities(page, address, trained_run):
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    strokes = [((0.5, 0.2), (0.5, 0.8)), ((0.2, 0.2), (0.5, 0.2))]  # A bar, then a seven.
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1200, "height": 800})
        tab.set_default_timeout(30_000)
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(address)
        box = tab.locator("canvas").bounding_box()
        table = tab.locator(".scores")
        empty = table.inner_text()
        shown = []
        for stroke in strokes:
            draw(tab, box, *stroke)
            tab.locator(".result[aria-busy=false]").wait_for()
            shown.append(table.inner_text())
        tab.get_by_text("Clear").click()
        tab.locator(".result[aria-busy=false]").wait_for()
        assert table.inner_text() == empty
        browser.close()
    assert "%" not in empty
    classifier = playground.load(trained_run)
    for number, text in enumerate(shown, start=1):
        percent = np.array(re.findall(r"([\d.]+) %", text), np.float64)
        scores = np.array(re.findall(r"(-?\d+\.\d\d)$", text, re.M), np.float64)
        exponentials = np.exp(scores)
        np.testing.assert_allclose(percent, 100 * exponentials / exponentials.sum(), atol=0.5)
        ink = drawn_with_pillow(strokes[:number], page.CANVAS, page.BRUSH_OF_DIGITS)
        features = drawing.features_of(ink, classifier.input_shape)
        np.testing.assert_allclose(percent, 100 * classifier.probabilities(features)[0], atol=3.0)
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def draw(tab, box, *places):
    first, last = ((box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places)
    tab.mouse.move(*first)
    tab.mouse.down()
    tab.mouse.move(*last, steps=10)
    tab.mouse.up()


def drawn_with_pillow(strokes, side, brush):
    image = Image.new("L", (side, side))
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        points = [(x * side, y * side) for x, y in stroke]
        pen.line(points, fill=255, width=brush)
        for x, y in points:
            pen.ellipse((x - brush / 2, y - brush / 2, x + brush / 2, y + brush / 2), fill=255)
    return np.asarray(image)

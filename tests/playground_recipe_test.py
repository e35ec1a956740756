import asyncio
import base64
import io
import re
import shutil
import signal
import struct
import time

import numpy as np
import processes
import pytest
from PIL import Image, ImageDraw

from recipes.playground import __main__ as playground
from tfcourse import command_line, datasets, drawing, inference

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NAMES = ("cat", "<dog>", "bird")


def iter_of(chunk, count):
    async def chunks():
        for _ in range(count):
            yield chunk

    return chunks()


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
    ink, is_dark = page.ink_of(url)
    np.testing.assert_array_equal(ink, canvas[..., 3])
    assert is_dark is None


def canvas_of(grey):
    """The URL of a picture that covers the canvas."""
    buffer = io.BytesIO()
    Image.fromarray(np.uint8(grey)).convert("RGBA").save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(("invert", "said"), [(False, "so it was inverted"), (True, "like the tr")])
def test_scans_are_read_like_drawings_and_their_polarity_is_told(page, invert, said):
    seven = np.asarray(drawn_with_pillow([((0.3, 0.3), (0.7, 0.3))], 100, 8), np.float64)
    paper = 220 - np.arange(100) / 10  # A shadow falls on it.
    scan, is_dark = page.ink_of(canvas_of(paper - 0.7 * seven))
    assert is_dark
    assert said in page.polarity_of(is_dark, invert)
    negative, is_dark = page.ink_of(canvas_of(20 + 0.7 * seven))
    assert not is_dark
    assert said not in page.polarity_of(is_dark, invert)
    for ink in (scan, negative):
        for shape in ((28, 28, 1), (8, 8, 1)):
            expected = drawing.features_of(seven, shape)
            np.testing.assert_allclose(drawing.features_of(ink, shape), expected, atol=0.1)
    assert page.polarity_of(None, invert) == ""


def test_an_empty_page_holds_no_ink(page):
    ink, _ = page.ink_of(canvas_of(np.full((50, 50), 230)))
    assert not ink.any()


def test_the_figure_shows_what_the_model_sees(page):
    image = np.zeros((8, 8, 1), np.float32)
    image[3, 4] = 1.0
    figure = page.seen(image, False, "<told>")
    assert "8 x 8 pixels, white on black. &lt;told&gt;" in figure
    data = base64.b64decode(re.search('base64,(.*?)"', figure)[1])
    np.testing.assert_array_equal(Image.open(io.BytesIO(data)), 255 * image[..., 0])


def test_examples_are_one_validation_image_per_class(page, trained_run):
    from recipes.playground.examples import examples_of

    classifier = inference.load_run(trained_run)
    examples = examples_of(classifier)
    split = inference.load_split(classifier, "validation")
    assert [example.label for example in examples] == [str(digit) for digit in range(10)]
    first = split.features[np.argmax(split.labels == 3)]
    np.testing.assert_array_equal(examples[3].image, first)
    assert page.example_buttons(examples).count("<button") == 10
    assert page.example_buttons([]) == ""


def test_a_run_whose_data_is_gone_has_no_examples(page, trained_run, monkeypatch, caplog):
    from recipes.playground import examples

    def gone(*_):
        raise datasets.DataError("digits: gone\nfor ever")

    monkeypatch.setattr(inference, "load_split", gone)
    assert examples.examples_of(inference.load_run(trained_run)) == []
    assert caplog.messages == ["No examples to click: digits: gone"]


def test_names_of_classes_are_text_in_the_template(page):
    from recipes.playground.examples import Example

    buttons = page.example_buttons([Example(np.zeros((8, 8, 1), np.float32), '"<b>`${name}\\')])
    assert not re.search(r"<b>|[`$\\]", buttons)


def refusal(url):
    from recipes.playground import guard, page

    with pytest.raises(guard.RefusedError) as error:
        page.ink_of(url)
    assert "\n" not in str(error.value)
    return error.value.status, str(error.value)


def bomb(side=9000):
    """A PNG image of some 80 kB that would take 0.3 GB as RGBA, and more on the way."""
    buffer = io.BytesIO()
    Image.new("L", (side, side)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def test_large_and_malformed_drawings_are_refused_before_they_are_decoded(page, monkeypatch):
    whole = bomb(10)
    assert page.ink_of(whole)[0].shape == (10, 10)
    assert refusal(whole[:-40])[0] == 400
    for url in ("data:image/gif;base64,AAAA", "", "data:image/png;base64,", whole[:60], "\udcff"):
        assert refusal(url) == (400, "the drawing is not a PNG image in base64")
    monkeypatch.setattr(Image.Image, "convert", None)  # What decodes.
    status, reason = refusal(bomb())
    assert (status, "larger than the canvas" in reason) == (413, True)
    for side in (10_000, 100_000, 2**31):  # Of which Pillow warns, or raises an error of its own.
        header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", side, side) + bytes(99)
        status, reason = refusal("data:image/png;base64," + base64.b64encode(header).decode())
        assert (status, "larger than the canvas" in reason) == (413, True)


DRAWING = {"data": "", "fn_name": "score", "component_id": 2, "session_hash": "a"}


@pytest.fixture(scope="module")
def guarded():
    """A client of an application that answers everything, behind the guard."""
    pytest.importorskip("gradio", reason="no gradio: pip install -e '.[playground]'")
    import httpx
    from starlette.responses import PlainTextResponse

    from recipes.playground.guard import Guard

    async def answers(scope, receive, send):
        if b"/static/" in scope["raw_path"]:
            raise ZeroDivisionError("first\nsecond")
        if b"/assets/" in scope["raw_path"]:
            raise KeyError(10**300)
        body = (await receive())["body"]
        await PlainTextResponse(f"answered {len(body)}")(scope, receive, send)

    def request(method, path, **named):
        async def sent():
            transport = httpx.ASGITransport(Guard(answers))
            base = "http://127.0.0.1:7860"
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                return await client.request(method, path, **named)

        return asyncio.run(sent())

    return request


SCORE = "/gradio_api/component_server"


def test_the_page_itself_is_answered(guarded):
    for path in ("/", "/config", "/svelte/a.js", "/gradio_api/heartbeat/a1"):
        assert guarded("GET", path).status_code == 200
    own = {"Origin": "http://127.0.0.1:7860"}
    answer = guarded("POST", SCORE, json=DRAWING, headers=own)
    assert answer.text.startswith("answered ")
    assert guarded("GET", "/", headers={"Host": "localhost:7860"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8888"},
        {"Origin": "http://127.0.0.1:7860.example.com"},
        {"Host": "example.com:7860"},  # A name that was made to stand for 127.0.0.1.
        {"Host": "example.com:7860", "Origin": "http://example.com:7860"},
        {"Host": "127.0.0.1"},
    ],
)
def test_other_pages_and_other_names_are_refused(guarded, capsys, headers):
    answer = guarded("POST", SCORE, json=DRAWING, headers=headers)
    assert answer.status_code == 403
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/login"),
        ("POST", "/"),
        ("PUT", SCORE),
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("GET", "/gradio_api/proxy=http://example.com"),
        ("GET", "/monitoring"),
    ],
)
def test_there_are_no_other_doors(guarded, capsys, method, path):
    assert guarded(method, path, json=DRAWING).status_code == 404
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (413, {"content": b"x" * 2**21}),
        (413, {"content": iter_of(b"x" * 2**16, 40)}),  # Without a length.
        (400, {"content": b"["}),
        (400, {"content": b"[" * 100_000}),
        (400, {"content": b"\xff"}),
        (400, {"content": b"1" * 5000}),
        (400, {"json": []}),
        (400, {"json": {}}),
        (400, {"json": DRAWING | {"data": ["a"]}}),
        (400, {"json": DRAWING | {"fn_name": "__class__"}}),
        (400, {"json": DRAWING | {"component_id": [1]}}),
        (400, {"json": DRAWING | {"session_hash": None}}),
        (415, {"data": DRAWING}),
    ],
)
def test_what_is_no_drawing_is_refused_in_a_line(guarded, capsys, status, body):
    kind = {} if "data" in body else {"Content-Type": "application/json"}
    assert guarded("POST", SCORE, headers=kind, **body).status_code == status
    assert capsys.readouterr().err.count("\n") == 1


def test_an_error_of_gradio_is_one_line(guarded, capsys):
    assert guarded("GET", "/static/a").status_code == 500
    assert capsys.readouterr().err == "refused: ZeroDivisionError: 'first'\n"
    assert guarded("GET", "/assets/a").status_code == 404  # Of a part that there is not.
    assert capsys.readouterr().err.count("\n") == 1


def test_without_a_run_it_says_how_to_train_one(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(command_line.UsageError, match="no finished run") as error:
        playground.main(playground.Playground())
    assert error.value.exit_code == 2
    assert error.value.__notes__ == [f"try: {playground.TRAIN}"]


def test_runs_of_something_else_are_refused(table_run, tmp_path):
    with pytest.raises(command_line.UsageError, match="not on gray images") as error:
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


@pytest.fixture(scope="module")
def address(trained_run):
    pytest.importorskip("gradio", reason="no gradio: pip install -e '.[playground]'")
    program = processes.Program("recipes.playground", f"--run_dir={trained_run}")
    while not program.output().endswith("\n"):
        assert program.poll() is None, program.communicate()
        time.sleep(0.05)
    line = program.output()
    assert line.startswith("Draw at http://127.0.0.1:"), line
    yield line.split()[-1]
    program.send_signal(signal.SIGINT)
    assert program.wait(timeout=30) == 130
    program.communicate()


def test_strokes_examples_and_scans_are_scored(page, address, trained_run, tmp_path):
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
        tab.locator(".examples button").nth(4).click()
        tab.get_by_text("the label 4").wait_for()
        scan = tmp_path / "scan.png"
        Image.fromarray(230 - drawn_with_pillow(strokes, 300, 30) // 2).resize((200, 300)).save(
            scan
        )
        tab.locator("input").set_input_files(scan)
        tab.get_by_text("black on white, so it was inverted").wait_for()
        tab.set_viewport_size({"width": 390, "height": 800})
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
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


def test_many_requests_at_once_are_answered_or_refused(page, address):
    import httpx

    def drawing_of(url):
        return {**DRAWING, "data": url, "component_id": component}

    with httpx.Client(base_url=address) as client:
        config = client.get("/config").json()
        component = next(c["id"] for c in config["components"] if c["type"] == "html")
    bodies = [drawing_of(bomb(420)), drawing_of(bomb()), drawing_of("x"), drawing_of("")]

    async def ask():
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            answers = await asyncio.gather(
                *(client.post(SCORE, json=bodies[number % 4]) for number in range(40))
            )
        return [answer.status_code for answer in answers]

    assert asyncio.run(ask()) == [200, 413, 400, 400] * 10


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

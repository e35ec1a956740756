"""The page of recipes.playground: a canvas, and beside it each class's probability and score."""

import base64
import html
import io
from collections.abc import Sequence

import gradio
import numpy as np
import numpy.typing as npt
from PIL import Image

from recipes.playground.guard import RefusedError
from tfcourse import drawing
from tfcourse.inference import Classifier

CANVAS = 420  # Pixels, a side.
# Strokes as broad, beside a digit that fills most of the canvas, as those of the data.
BRUSH, BRUSH_OF_DIGITS = 34, 56

TEMPLATE = """
<div class="drawing">
  <canvas width="SIDE" height="SIDE" aria-label="Draw a digit here"></canvas>
  <button class="clear">Clear</button>
</div>
<div class="result">${value}</div>
""".replace("SIDE", str(CANVAS))

STYLE = """
display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start;
canvas {background: white; border: 1px solid #888; border-radius: 6px; touch-action: none;
  cursor: crosshair; display: block; max-width: 100%;}
.clear {margin-top: 0.6rem; padding: 0.3rem 1.2rem; border: 1px solid #888; border-radius: 6px;}
.result {flex: 1; min-width: 22rem;}
table {border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;}
th {font-weight: 600; text-align: left; padding: 0 0.6rem 0.4rem;}
td {padding: 0.35rem 0.6rem; white-space: nowrap;}
td.number {text-align: right; width: 5rem;}
.track {position: relative; height: 1.2rem; min-width: 6rem; background: rgba(128, 128, 128, 0.15);}
.track i {position: absolute; top: 0; bottom: 0; background: rgba(128, 128, 128, 0.6);}
.best {font-weight: 700;}
.best i {background: #0072B2;}
"""

# Asks again as long as something was drawn while it waited for an answer.
SCRIPT = """
const canvas = element.querySelector("canvas"), pen = canvas.getContext("2d");
const result = element.querySelector(".result");
let asking = false, changed = false;
async function show() {
  changed = true;
  if (asking) return;
  asking = true;
  result.setAttribute("aria-busy", "true");
  try {
    while (changed) {
      changed = false;
      result.innerHTML = await server.score(canvas.toDataURL());
    }
  } finally {
    asking = false;
    result.setAttribute("aria-busy", "false");
  }
}
function draw(event) {
  const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
  pen.lineTo((event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
  pen.stroke();
  show();
}
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  pen.lineWidth = BRUSH;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  draw(event);
  draw(event);
});
canvas.addEventListener("pointermove", (event) => { if (event.buttons) draw(event); });
element.querySelector(".clear").addEventListener("click", () => {
  pen.clearRect(0, 0, canvas.width, canvas.height);
  show();
});
"""


def page(classifier: Classifier, *, invert: bool = False) -> gradio.Blocks:
    """Returns the page for a classifier of grey images.

    Args:
        invert: whether the model gets a drawing as black on white.
    """

    def score(url: str) -> str:
        ink = ink_of(url)
        if not ink.any():
            return score_table(classifier.class_names)
        features = drawing.features_of(ink, classifier.input_shape)
        features = 1 - features if invert else features
        return score_table(classifier.class_names, np.asarray(classifier.model(features))[0])

    accuracy = classifier.record.metrics.get("test_accuracy")
    reached = f", test accuracy {100 * accuracy:.2f} %" if isinstance(accuracy, float) else ""
    brush = BRUSH_OF_DIGITS if classifier.input_shape == (8, 8, 1) else BRUSH
    with gradio.Blocks(title="tfcourse playground", analytics_enabled=False) as blocks:
        seen = "black on white" if invert else "white on black"
        gradio.Markdown(
            f"## Draw a digit\n`{classifier.record.path}`{reached}. The model sees it {seen}."
        )
        gradio.HTML(
            score_table(classifier.class_names),
            html_template=TEMPLATE,
            css_template=STYLE,
            js_on_load=SCRIPT.replace("BRUSH", str(brush)),
            apply_default_css=False,
            server_functions=[score],
        )
    return blocks


def ink_of(url: str) -> npt.NDArray[np.uint8]:
    """Returns the ink in the canvas's data URL, a PNG image: how opaque each pixel is.

    Raises:
        RefusedError: it is something else, or larger than the canvas, before it is decoded.
    """
    try:
        data = base64.b64decode(url.removeprefix("data:image/png;base64,"), validate=True)
        # Where a PNG image says it: Pillow would warn, or raise, of what is far too large.
        _check_size(tuple(np.frombuffer(data[16:24], ">u4").tolist()))
        image = Image.open(io.BytesIO(data), formats=["PNG"])
        _check_size(image.size)
        return np.asarray(image.convert("RGBA"))[..., 3]
    except (ValueError, OSError, SyntaxError, EOFError, Image.DecompressionBombError):
        raise RefusedError(400, "the drawing is not a PNG image in base64") from None


def _check_size(size: tuple[int, ...]) -> None:
    if max(size, default=0) > CANVAS:
        raise RefusedError(413, f"a drawing of {size} pixels is larger than the canvas")


def score_table(class_names: Sequence[str], logits: npt.NDArray[np.floating] | None = None) -> str:
    """Returns the HTML table of a prediction; its bars are empty before anything is drawn.

    Args:
        class_names: one per row.
        logits: [classes].
    """
    best, scores = None, np.zeros(len(class_names))
    if logits is not None:
        best, scores = int(np.argmax(logits)), np.asarray(logits, np.float64)
    exponentials = np.exp(scores - scores.max())
    probabilities = exponentials / exponentials.sum()
    reach = max(10.0, np.abs(scores).max())
    header = "<th>class</th><th>probability</th><th></th><th>score before softmax</th><th></th>"
    rows = [f"<tr>{header}</tr>"]
    for number, (name, probability, score) in enumerate(
        zip(class_names, probabilities, scores, strict=True)
    ):
        cells = [html.escape(name), _bar(0.0, 0.0), "", _bar(0.5, 0.0), ""]
        if logits is not None:
            score_bar = _bar(0.5 + min(score, 0.0) / reach / 2, abs(score) / reach / 2)
            percent = f"{100 * probability:.1f} %"
            cells = [cells[0], _bar(0.0, probability), percent, score_bar, f"{score:.2f}"]
        kinds = ("name", "bar", "number", "bar", "number")
        row = "".join(f'<td class="{k}">{c}</td>' for k, c in zip(kinds, cells, strict=True))
        rows.append(f'<tr class="{"best" if number == best else "other"}">{row}</tr>')
    return f'<table class="scores">{"".join(rows)}</table>'


def _bar(start: float, length: float) -> str:
    style = f"left: {100 * start:.2f}%; width: {100 * length:.2f}%"
    return f'<div class="track"><i style="{style}"></i></div>'

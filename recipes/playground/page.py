"""The page of recipes.playground: a canvas, what the model sees, and each class's probability."""

import base64
import html
import io
from collections.abc import Sequence

import gradio
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import special

from recipes.playground.examples import Example
from recipes.playground.guard import RefusedError
from tfcourse import drawing
from tfcourse.inference import Classifier

CANVAS = 420  # Pixels, a side.
# Strokes as broad, beside a digit that fills most of the canvas, as those of the data.
BRUSH, BRUSH_OF_DIGITS = 34, 56

TEMPLATE = """
<div class="drawing">
  <canvas width="SIDE" height="SIDE" aria-label="Draw here"></canvas>
  <div class="buttons">
    <button class="clear">Clear</button>
    <label>Open a picture <input type="file" accept="image/*"></label>
  </div>
  EXAMPLES
</div>
<div class="result">${value}</div>
""".replace("SIDE", str(CANVAS))

STYLE = """
display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start;
.drawing {max-width: 100%; width: SIDEpx;}
canvas {background: white; border: 1px solid #888; border-radius: 6px; touch-action: none;
  cursor: crosshair; display: block; max-width: 100%; box-sizing: border-box;}
.buttons, .examples, figure {display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center;}
.buttons > * {margin-top: 0.6rem; padding: 0.3rem 1.2rem; border: 1px solid #888;
  border-radius: 6px; cursor: pointer; font-size: 0.9rem;}
.buttons label:focus-within, .examples button:focus-visible {outline: 2px solid #0072B2;}
input {position: absolute; opacity: 0; width: 1px;}
p {margin: 0.8rem 0 0.3rem; font-size: 0.9rem;}
.examples {gap: 0.3rem;}
img {image-rendering: pixelated; display: block; border: 1px solid #888;}
.examples img {width: 36px; height: 36px;}
.result {flex: 1; min-width: min(22rem, 100%);}
figure {margin: 0 0 1rem; flex-wrap: nowrap; min-height: 114px;}
figure img {width: 112px; height: 112px; flex: none;}
figcaption {font-size: 0.9rem;}
table {border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;}
th {font-weight: 600; text-align: left; padding: 0 0.6rem 0.4rem; vertical-align: bottom;}
td {padding: 0.35rem 0.6rem; white-space: nowrap;}
td.number {text-align: right; width: 5rem;}
.track {position: relative; height: 1.2rem; min-width: 6rem; background: rgba(128, 128, 128, 0.15);}
.track i {position: absolute; top: 0; bottom: 0; background: rgba(128, 128, 128, 0.6);}
.best {font-weight: 700;}
.best i {background: #0072B2;}
@media (max-width: 480px) {
  th, td {padding-left: 0.2rem; padding-right: 0.2rem;}
  td.number {width: 3.6rem;}
  .track {min-width: 3rem;}
}
""".replace("SIDE", str(CANVAS))

# Repeats the request if something was drawn during the last one.
SCRIPT = """
const canvas = element.querySelector("canvas"), pen = canvas.getContext("2d");
const result = element.querySelector(".result"), picker = element.querySelector("input");
let asking = false, changed = false, example = null;
async function show() {
  changed = true;
  if (asking) return;
  asking = true;
  result.setAttribute("aria-busy", "true");
  try {
    while (changed) {
      changed = false;
      result.innerHTML = await server.score(example ?? canvas.toDataURL());
    }
  } finally {
    asking = false;
    result.setAttribute("aria-busy", "false");
  }
}
function place(picture, width, height) {
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const box = [width * scale, height * scale].map((length) => Math.max(1, Math.round(length)));
  pen.imageSmoothingEnabled = scale < 1;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, 0, 0, 1, 1, 0, 0, canvas.width, canvas.height); // Its corner, around it.
  pen.drawImage(picture, (canvas.width - box[0]) >> 1, (canvas.height - box[1]) >> 1, ...box);
  show();
}
function draw(event) {
  const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
  pen.lineTo((event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
  pen.stroke();
  show();
}
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  const [red, green, blue, opaque] = pen.getImageData(0, 0, 1, 1).data;
  pen.strokeStyle = opaque && red + green + blue < 384 ? "white" : "black";
  pen.lineWidth = BRUSH;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  example = null;
  draw(event);
  draw(event);
});
canvas.addEventListener("pointermove", (event) => { if (event.buttons) draw(event); });
element.querySelector(".clear").addEventListener("click", () => {
  pen.clearRect(0, 0, canvas.width, canvas.height);
  example = null;
  show();
});
picker.addEventListener("change", async () => {
  const file = picker.files[0];
  picker.value = "";
  try {
    const picture = await createImageBitmap(file);
    example = null;
    place(picture, picture.width, picture.height);
  } catch {
    result.textContent = "The browser cannot read this file as a picture.";
  }
});
element.querySelectorAll(".examples button").forEach((button, number) => {
  button.addEventListener("click", () => {
    const picture = button.querySelector("img");
    example = String(number);
    place(picture, picture.naturalWidth, picture.naturalHeight);
  });
});
"""
POLARITY = ("white on black", "black on white")


def page(
    classifier: Classifier, *, examples: Sequence[Example] = (), invert: bool = False
) -> gradio.Blocks:
    """Returns the page for a classifier of grey images.

    Args:
        examples: images to click.
        invert: whether the model gets a drawing as black on white.
    """

    def score(url: str) -> str:
        if url.isdecimal():
            if len(url) > 3 or int(url) >= len(examples):
                raise RefusedError(400, f"there are {len(examples)} examples")
            chosen = examples[int(url)]
            told = f"This example of the validation set has the label {chosen.label}."
            return answer(chosen.image, told)
        ink, is_dark = ink_of(url)
        if not ink.any():
            return nothing
        image = drawing.features_of(ink, classifier.input_shape)[0]
        return answer(1 - image if invert else image, polarity_of(is_dark, invert))

    def answer(image: npt.NDArray[np.float32], told: str) -> str:
        logits = np.asarray(classifier.model(image[np.newaxis]))[0]
        return seen(image, invert, told) + score_table(classifier.class_names, logits)

    asked = "<figure><figcaption>Draw, or open a picture.</figcaption></figure>"
    nothing = asked + score_table(classifier.class_names)
    accuracy = classifier.record.metrics.get("test_accuracy")
    reached = f", test accuracy {100 * accuracy:.2f} %" if isinstance(accuracy, float) else ""
    brush = BRUSH_OF_DIGITS if classifier.input_shape == (8, 8, 1) else BRUSH
    with gradio.Blocks(title="tfcourse playground", analytics_enabled=False) as blocks:
        gradio.Markdown(f"## Draw a digit\n`{classifier.record.path}`{reached}.")
        gradio.HTML(
            nothing,
            html_template=TEMPLATE.replace("EXAMPLES", example_buttons(examples)),
            css_template=STYLE,
            js_on_load=SCRIPT.replace("BRUSH", str(brush)),
            apply_default_css=False,
            server_functions=[score],
        )
    return blocks


def example_buttons(examples: Sequence[Example]) -> str:
    """Returns the HTML of the examples, or "" if there are none."""
    buttons = [
        f'<button aria-label="Example {_text(example.label)}">{_picture(example.image)}</button>'
        for example in examples
    ]
    if not buttons:
        return ""
    about = "<p>Or click an image of the validation set:</p>"
    return f'{about}<div class="examples">{"".join(buttons)}</div>'


def seen(image: npt.NDArray[np.float32], invert: bool, told: str) -> str:
    """Returns the HTML figure of the model's input."""
    height, width = image.shape[:2]
    caption = f"What the model sees: {height} x {width} pixels, {POLARITY[invert]}. {told}"
    return f"<figure>{_picture(image)}<figcaption>{html.escape(caption)}</figcaption></figure>"


def polarity_of(is_dark: bool | None, invert: bool) -> str:
    """Returns the sentence about a picture's polarity; "" for a drawing.

    Args:
        is_dark: whether the picture is black on white; `None` for a drawing.
        invert: whether the model gets black on white.
    """
    if is_dark is None:
        return ""
    done = "like the training images" if is_dark == invert else "so it was inverted for the model"
    return f"Your picture is {POLARITY[is_dark]}, {done}."


def _text(label: str) -> str:
    # A JavaScript template would evaluate what is in ${}.
    return html.escape(label).replace("$", "&#36;").replace("`", "&#96;").replace("\\", "&#92;")


def _picture(image: npt.NDArray[np.float32]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.round(255 * image[..., 0]).astype(np.uint8)).save(buffer, "PNG")
    return (
        f'<img alt="" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
    )


def ink_of(url: str) -> tuple[npt.NDArray[np.number], bool | None]:
    """Returns the ink in the canvas's data URL, a PNG image, and whether it is dark in a picture.

    In a drawing, the ink is the opacity of each pixel, and the second result is `None`. A picture
    covers the whole canvas.

    Raises:
        RefusedError: it is not such an image, or is larger than the canvas (checked before
            decoding).
    """
    try:
        data = base64.b64decode(url.removeprefix("data:image/png;base64,"), validate=True)
        # Where a PNG image says it: Pillow would warn, or raise, of what is far too large.
        _check_size(tuple(np.frombuffer(data[16:24], ">u4").tolist()))
        image = Image.open(io.BytesIO(data), formats=["PNG"])
        _check_size(image.size)
        opacity = np.asarray(image.convert("RGBA"))[..., 3]
        is_picture = min(opacity[0].min(), opacity[-1].min()) == 255
        return drawing.ink_of(np.asarray(image.convert("L"))) if is_picture else (opacity, None)
    except (ValueError, OSError, SyntaxError, EOFError, Image.DecompressionBombError):
        raise RefusedError(400, "the drawing is not a PNG image in base64") from None


def _check_size(size: tuple[int, ...]) -> None:
    if max(size, default=0) > CANVAS:
        raise RefusedError(413, f"a drawing of {size} pixels is larger than the canvas")


def score_table(class_names: Sequence[str], logits: npt.NDArray[np.floating] | None = None) -> str:
    """Returns the HTML table of a prediction, with empty bars before anything is drawn.

    Args:
        class_names: one name per row.
        logits: [classes].
    """
    best, scores = None, np.zeros(len(class_names))
    if logits is not None:
        best, scores = int(np.argmax(logits)), np.asarray(logits, np.float64)
    reach = max(10.0, np.abs(scores).max())
    header = "<th>class</th><th>probability</th><th></th><th>logit</th><th></th>"
    rows = [f"<tr>{header}</tr>"]
    for number, (name, probability, score) in enumerate(
        zip(class_names, special.softmax(scores), scores, strict=True)
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

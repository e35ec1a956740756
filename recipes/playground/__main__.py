r"""Serves a page where you draw a digit and see what a trained model sees and predicts.

    pip install -e ".[playground]"
    python -m recipes.playground --run_dir=runs/mnist_softmax/latest

Open the address that it prints. You can also open a picture of a digit, such as a scan, or click an
image of the run's validation set. Only this machine can reach the page, and the page loads nothing
from others. Without --run_dir, it uses the newest finished run in runs/mnist_softmax. Ctrl-C ends
it.
"""

import dataclasses
import importlib.util
import logging
import os
import time
from typing import TYPE_CHECKING

from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, integer, text
from tfcourse.system import quiet_import

if TYPE_CHECKING:
    import gradio

    from tfcourse.inference import Classifier

TRAIN = "python -m recipes.mnist_softmax --flagfile=configs/mnist_softmax.flags"


@dataclasses.dataclass(frozen=True)
class Playground(Hyperparameters):
    run_dir: str = text(
        "runs/mnist_softmax/latest",
        "Run directory; `latest` is a folder's newest finished run.",
    )
    port: int = integer(
        0, "Port to listen on; 0 takes the first free one from 7860.", interval="[0, 65535]"
    )


def load(run_dir: os.PathLike[str] | str) -> "Classifier":
    """Returns the `Classifier` of a run that accepts drawings.

    Raises:
        UsageError: the run does not accept drawings. Other errors as in `inference.load_run`.
    """
    from tfcourse import inference

    classifier = inference.load_run(run_dir)
    if len(classifier.input_shape) != 3 or classifier.input_shape[2] != 1:
        raise command_line.UsageError(
            f"`run_dir`: {run_dir} was trained on {classifier.input_shape}, not on gray images"
        )
    return classifier


def serve(classifier: "Classifier", port: int, *, invert: bool = False) -> "gradio.Blocks":
    """Starts serving the page on this machine only.

    Args:
        invert: whether the model gets a drawing as black on white.
    """
    import gradio
    from starlette.middleware import Middleware

    from recipes.playground import page as playground_page
    from recipes.playground.examples import examples_of
    from recipes.playground.guard import Guard

    blocks = playground_page.page(classifier, examples=examples_of(classifier), invert=invert)
    blocks.launch(
        server_name="127.0.0.1",
        server_port=port or None,
        app_kwargs={"middleware": [Middleware(Guard)]},
        theme=gradio.themes.Default(font="sans-serif", font_mono="monospace"),
        footer_links=[],
        share=False,
        quiet=True,
        prevent_thread_lock=True,
    )
    # The server answers non-HTTP requests itself, with its own lines; the guard logs rejections.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return blocks


def main(playground: Playground, invert: bool = False) -> None:
    if importlib.util.find_spec("gradio") is None:
        raise command_line.UsageError('gradio is not installed: pip install -e ".[playground]"')
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # Read when gradio is imported.
    try:
        run_dir = command_line.run_named(playground.run_dir)
    except command_line.UsageError as error:
        error.add_note(f"try: {TRAIN}")
        raise
    quiet_import.import_tensorflow()
    classifier = load(run_dir)
    edges = classifier.record.metrics.get("edge_brightness")
    if isinstance(edges, float) and edges > 0.5:
        print(f"Trained on dark strokes on light ground ({edges:.2f} of white at the edges)")
        invert = not invert
    blocks = serve(classifier, playground.port, invert=invert)
    print(f"Draw at {blocks.local_url}", flush=True)
    try:
        while True:  # On Windows, Ctrl-C can interrupt a sleep, but not waiting for an event.
            time.sleep(3600)
    finally:
        blocks.close(verbose=False)


if __name__ == "__main__":
    command_line.run_tool(main, Playground, invert="Exchanges black and white for the model.")

"""What is measured is said once: pages show it between markers and say nothing of it themselves."""

import json
import pathlib
import re

import pytest

from recipes.claims import published

ROOT = pathlib.Path(__file__).parents[1]
PAGES = (
    *("README.md", "docs/errata.md", "docs/sweeps.md", "docs/your_data.md"),
    *("docs/course/*.md", "notebooks/*.ipynb"),
)
# Claims that follow from a formula: a page that states the formula may state them.
BY_FORMULA = {
    *("batch_noise.noise", "batch_noise.memory", "frameworks.backward", "frameworks.code"),
    *("moving_average.weight", "moving_average.window", "moving_average.smoother"),
    *("moving_average.start", "optimizers.both", "learning_rate_decay.formulas"),
    *("batch_norm_inference.alone", "softmax_regression.linear"),
    *("softmax_regression.two_classes", "softmax_regression.probabilities"),
}
_BATCH_NORM = r"batch norm\w*"
_AHEAD = r"fast|slow|sooner|best|better|worse|beat|wins?\b|ahead|fewer|favourabl|good"
# What a sentence about the outcome of each other claim has in it, in small letters.
WORDS = {
    "batch_size.progress": ("batch", "progress"),
    "batch_size.fastest": (
        r"smallest batch|small batches|stochastic|b = 1\b|sizes?\b",
        "fast|best",
    ),
    "batch_training.passes": (r"on-?line|batch training", "passes|epochs", "fewer|more|times"),
    "batch_training.accuracy": ("on-?line", "accura"),
    "momentum.almost_always": ("momentum", "gradient descent|plain descent", _AHEAD),
    "optimizers_contours.momentum": ("momentum", "quadratic", _AHEAD),
    "optimizers_contours.ravine": ("momentum", "ravine|valley", _AHEAD),
    "optimizers.adam": (r"\badam\b", "beats|better|best|ahead|favourabl|outperform"),
    "optimizers.rate": (r"\badam('s)?\b", "tun(ed|ing)", "little|less|hardly|no "),
    "adam_paper.order": (r"\badam\b", "nesterov", _AHEAD),
    "adam_paper.adagrad": ("adagrad", "behind|slow|times|worse"),
    "batch_norm.faster": (_BATCH_NORM, "fast|sooner|fewer steps"),
    "batch_norm.higher": (_BATCH_NORM, "higher|more accurate|better"),
    "batch_norm.inputs": (_BATCH_NORM, "distribution", "keep|stay|same"),
    "batch_norm_rates.wider": (_BATCH_NORM, "rates?|choice", "wider|easier|larger|more"),
    "batch_norm_rates.faster": (_BATCH_NORM, "fast|sooner|fewer steps"),
    "batch_norm_rates.deep": (_BATCH_NORM, r"\bdeep", "trainable|possible|train"),
    "batch_norm_inference.averages": ("averages", "stand in|lag"),
    "covariate_shift.robust": ("robust|both networks fail",),
    "covariate_shift.better": (_BATCH_NORM, "shift|bright", "better|worse|more|fail"),
    "learning_rate_decay.decay": (r"\bdecay", "cost|accuracy", "lower|higher|better"),
    "learning_rate_decay.one_cycle": ("one.cycle", _AHEAD),
    "search.random": ("random", "grid", "beats|better|finds|worse|more good"),
    "search.coarse_to_fine": ("coarse", "beats|better|finds"),
    "search.scale": ("log", "linear|uniform", "better|worse|beats"),
    "search_importance.rate": ("learning rate", "matters? most|most important"),
    "search_importance.tiers": ("momentum", "hidden units", "next|then|second"),
    "best_effort.softmax_regression": ("lecun",),
    "best_effort.batch_norm_mlp": ("lecun",),
    "best_effort.small_cnn": ("lecun",),
    "frameworks.speed": ("numpy", "from scratch|by hand|framework", "fast|slow|scale"),
    "frameworks.loops": ("loops", "numpy|vectori", "fast|slow"),
}
# Who says it, where it is not us, and what makes it a question. Quotes are cut out before.
_SAID_BY = re.compile(r"\b(slides?|course|paper|whether|which)\b", re.IGNORECASE)
_OURS = re.compile(r"\b(but|however|not|wrong|measure\w*)\b", re.IGNORECASE)


def prose(path):
    """Returns the text of a page without markers and what lies between them, and without code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    text = re.sub(r"<!-- evidence: (.*?)<!-- /evidence -->", "", text, flags=re.DOTALL)
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    text = re.sub(r"^#.*|(?<!\*)\*[^*\s][^*]*\*(?!\*)", "", text, flags=re.MULTILINE)  # Titles.
    return re.sub(r"\]\([^)]*\)", "]", text)


def verdicts_in(text):
    """Returns `[(claim, sentence)]` of sentences that say themselves how a claim came out."""
    found = []
    lines = re.sub(r"\n(?!\s*(\n|[-|#*]))", " ", text).splitlines()
    for sentence in (s for line in lines for s in re.split(r"(?<=[.!?])\s+", line)):
        plain = re.sub(r'"[^"]*"', "", sentence).lower()
        if _SAID_BY.search(plain) and not _OURS.search(plain):
            continue
        for key, words in WORDS.items():
            if all(re.search(word, plain) for word in words):
                found.append((key, sentence.strip()))
    return found


FILES = sorted(path for page in PAGES for path in ROOT.glob(page))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_page_leaves_verdicts_to_what_was_measured(path):
    assert verdicts_in(prose(path)) == []


def test_every_published_claim_has_its_words():
    keys = {each.row["key"] for each in published.findings(published.read(ROOT / "docs"))}
    assert keys <= set(WORDS) | BY_FORMULA
    assert set(WORDS).isdisjoint(BY_FORMULA)


@pytest.mark.parametrize(
    ("sentence", "keys"),
    [
        ("On digits,\nmomentum is faster than plain descent.", ["momentum.almost_always"]),
        ('The slide: "momentum is faster than plain descent".', []),
        ("The slide says that the fastest learning is stochastic.", []),
        (
            "The slide says that stochastic descent is fastest, but it is not.",
            ["batch_size.fastest"],
        ),
        ("It is what a network\nrobust to noise does.", ["covariate_shift.robust"]),
        ("A grid is better. So is random search.", []),
    ],
)
def test_sentences_about_outcomes_are_found(sentence, keys):
    assert [key for key, _ in verdicts_in(sentence)] == keys


@pytest.mark.parametrize(
    ("page", "key"),
    [
        ("README.md", "momentum.almost_always"),
        ("notebooks/2_averages_and_momentum.ipynb", "momentum.almost_always"),
        ("notebooks/1_mini_batches.ipynb", "batch_size.fastest"),
        ("notebooks/4_hyperparameters_and_batch_norm.ipynb", "covariate_shift.robust"),
        ("docs/errata.md", "batch_size.fastest"),
        ("docs/errata.md", "covariate_shift.robust"),
    ],
)
def test_pages_show_the_claims_that_they_are_about(page, key):
    assert f"<!-- evidence: {key} -->" in (ROOT / page).read_text(encoding="utf-8")

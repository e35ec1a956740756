"""The published results: the numbers in docs/evidence/, and the texts made from them.

Each sentence about a measurement is in one template. Wherever it is shown, it is between markers
that readers do not see,

    <!-- evidence: moving_average.window -->...<!-- /evidence -->

and `python -m recipes.evidence --refresh` updates it there. `moving_average.window.verdict` is only
the verdict, `chapter 2` a table of the claims of a chapter.
"""

import collections
import importlib
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from recipes.claims import harness, judging
from tfcourse.reports import templates

Record = Mapping[str, Any]  # The content of docs/evidence/NAME.json.
CHAPTERS = {
    1: "Mini-batch gradient descent",
    2: "Averages, momentum, RMSProp",
    3: "Adam",
    4: "Hyperparameters, decay, batch normalization",
    5: "Softmax regression",
    6: "Frameworks",
}
# Claims that are judged from the numbers of several recipes: `{module: recipes}`.
JOINT = {"momentum": ("optimizers_contours", "optimizers")}
# Where a sentence may be shown, seen from the folder that holds docs/.
SHOWN_IN = ("README.md", "docs/*.md", "docs/course/*.md", "notebooks/*.ipynb")
_PLURALS = {
    judging.HOLDS: "hold",
    judging.IN_PART: "hold in part",
    judging.UNDECIDED: "undecided",
    judging.FAILS: "do not hold",
}

_MARKED = re.compile(r"(<!-- evidence: ([\w. ]+) -->)(.*?)(<!-- /evidence -->)", re.DOTALL)


class Finding(NamedTuple):
    row: harness.Row
    claim: judging.Claim
    records: tuple[Record, ...]


def read(docs: pathlib.Path) -> dict[str, Record]:
    """Returns the records by recipe, sorted by name."""
    paths = sorted((docs / "evidence").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def findings(records: Mapping[str, Record]) -> list[Finding]:
    """Returns every claim, judged again from the published numbers."""
    found: list[Finding] = []
    measured = {name: record for name, record in records.items() if "raw" in record}
    for name, record in measured.items():
        found += _judged(name, (record,))
    for name, recipes in JOINT.items():
        if set(recipes) <= set(measured):
            found += _judged(name, tuple(measured[recipe] for recipe in recipes))
    return found


def _judged(name: str, records: tuple[Record, ...]) -> list[Finding]:
    module = importlib.import_module(f"recipes.claims.{name}")
    made = module.judge(*(record["raw"] for record in records))
    rows = harness.judged(name, made)
    return [Finding(r, c, records) for r, c in zip(rows, made[1].values(), strict=True)]


def verdict(row: harness.Row) -> str:
    """Returns the verdict and, if a claim holds in part, where it holds."""
    return f"{row['verdict']} ({row['where']})" if row["where"] else row["verdict"]


def fill(text: str, found: Sequence[Finding]) -> str:
    """Returns `text` with the content between its markers updated.

    Raises:
        ValueError: a marker names no claim.
    """
    sentences = {f"chapter {number}": _table(number, found) for number in CHAPTERS}
    for row in (finding.row for finding in found):
        sentences[row["key"]] = row["measured"]
        sentences[f"{row['key']}.verdict"] = verdict(row)

    def sentence(marked: re.Match[str]) -> str:
        if marked[2] not in sentences:
            raise ValueError(f"there is no {marked[2]} to show; there are {sorted(sentences)}")
        return f"{marked[1]}{sentences[marked[2]]}{marked[4]}"

    return _MARKED.sub(sentence, text)


def _table(chapter: int, found: Sequence[Finding]) -> str:
    rows = [finding.row for finding in found if finding.row["chapter"] == chapter]
    lines = [f"| {cell(row['claim'])} | **{cell(verdict(row))}** |" for row in rows]
    return "\n".join(["", "", "| claim | measured |", "| --- | --- |", *lines, "", ""])


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def refreshed(root: pathlib.Path, found: Sequence[Finding]) -> dict[pathlib.Path, str]:
    """Returns `{file: updated text}` of all files that show a sentence."""
    texts = {}
    for path in sorted(path for pattern in SHOWN_IN for path in root.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        if "<!-- evidence: " in text:
            texts[path] = _notebook(text, found) if path.suffix == ".ipynb" else fill(text, found)
    return texts


def _notebook(text: str, found: Sequence[Finding]) -> str:
    notebook = json.loads(text)
    for each in notebook["cells"]:
        if each["cell_type"] == "markdown":
            each["source"] = fill("".join(each["source"]), found).splitlines(keepends=True)
    # As nbformat writes it.
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def anchor(title: str) -> str:
    """Returns the fragment of a heading's address, as code hosts and the site generate it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def page(
    records: Mapping[str, Record], repeats: Mapping[str, Mapping[int, Record]] | None = None
) -> str:
    """Returns docs/evidence.md: a table of all claims, a section for each, and how they are judged.

    Args:
        repeats: `{recipe: {base seed: record}}`, repetitions with other seeds.
    """
    found = findings(records)
    claims = [finding.claim for finding in found]
    strict = judging.page_confidence(claims)
    environment = templates.environment(pathlib.Path(__file__).parents[1], cell=cell, anchor=anchor)
    chapters = [_chapter(number, found) for number in CHAPTERS]
    counts = collections.Counter(finding.row["verdict"] for finding in found)
    text = environment.get_template("evidence.md.j2").render(
        chapters=[chapter for chapter in chapters if chapter["sections"]],
        num_claims=len(found),
        counts=[(counts[word], plural) for word, plural in _PLURALS.items() if counts[word]],
        num_comparisons=sum(len(claim.comparisons) for claim in claims),
        strict=strict,
        lost=[
            finding.row["claim"]
            for finding in found
            if finding.claim.verdict(strict) != finding.claim.verdict()
        ],
        verdict=verdict,
        repeated=_repeated(found, repeats or {}),
        waiting=[record for record in records.values() if "raw" not in record],
    )
    return text.rstrip() + "\n"


_NAMES = {"mlp": "MLP", "cnn": "CNN", "adam": "Adam", "adagrad": "AdaGrad"}  # In titles.


def _chapter(number: int, found: Sequence[Finding]) -> dict[str, Any]:
    """Returns a chapter's sections, one per claim."""
    of_chapter = [finding for finding in found if finding.row["chapter"] == number]
    sections = [
        {
            "title": _title(each.row["key"]),
            "row": each.row,
            "effect": each.claim.decisive(),
            "pictures": _pictures(each, found),
            "records": each.records,
            "too_wide": each.claim.too_wide(),
        }
        for each in of_chapter
    ]
    return {"number": number, "title": CHAPTERS[number], "sections": sections}


def _title(key: str) -> str:
    words = key.replace(".", ": ").replace("_", " ").capitalize().split(" ")
    return " ".join(_NAMES.get(word, word) for word in words)


def _pictures(finding: Finding, found: Sequence[Finding]) -> dict[str, str]:
    """Returns `{picture: caption}` for a claim; the recipe's last claim gets the remaining ones."""
    record = finding.records[0]
    of_record = [each.row for each in found if each.records[0] is record]
    taken = {row["picture"] for row in of_record}
    pictures = {finding.row["picture"]: finding.row["claim"]}
    if of_record[-1] is finding.row:
        rest = (name for name in record["pictures"] if name not in taken)
        pictures |= dict.fromkeys(rest, _title(record["recipe"]))
    return pictures


def _repeated(
    found: Sequence[Finding], repeats: Mapping[str, Mapping[int, Record]]
) -> dict[str, Any]:
    """Returns a row per repeated claim: the verdict by base seed."""
    seeds = sorted({seed for by_seed in repeats.values() for seed in by_seed})
    rows = []
    for finding in found:
        names = [record["recipe"] for record in finding.records]
        if not seeds or not all(set(seeds) <= set(repeats.get(n, {})) for n in names):
            continue
        verdicts = [verdict(finding.row)]
        for seed in seeds:
            others = {name: repeats[name][seed] for name in names}
            again = [f.row for f in findings(others) if f.row["key"] == finding.row["key"]]
            verdicts += [verdict(row) for row in again]
        rows.append({"claim": finding.row["claim"], "verdicts": verdicts})
    return {"seeds": seeds, "rows": rows}


def read_repeats(docs: pathlib.Path) -> dict[str, dict[int, Record]]:
    """Returns the results that `python -m recipes.evidence --repeat` has saved."""
    found: dict[str, dict[int, Record]] = {}
    for path in sorted((docs / "evidence" / "repeats").glob("*.json")):
        name, seed = path.stem.split(".")
        found.setdefault(name, {})[int(seed)] = json.loads(path.read_text(encoding="utf-8"))
    return found

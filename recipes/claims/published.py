"""What was published: the numbers in docs/evidence/, and the texts that are made from them.

A sentence about something measured stands in one template. Wherever it is shown it lies between
markers that a reader does not see,

    <!-- evidence: moving_average.window -->...<!-- /evidence -->

and `python -m recipes.evidence --refresh` writes it there anew. `moving_average.window.verdict` is
the verdict alone, `chapter 2` a table of the claims of a chapter.
"""

import collections
import importlib
import importlib.util
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import jinja2

from recipes.claims import harness, judging

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
    judging.UNDECIDED: "are undecided",
    judging.FAILS: "do not hold",
}

_MARKED = re.compile(r"(<!-- evidence: ([\w. ]+) -->)(.*?)(<!-- /evidence -->)", re.DOTALL)


class Finding(NamedTuple):
    """A claim on the page; one that is judged by the older rule has no `claim`."""

    row: harness.Row
    claim: judging.Claim | None
    records: tuple[Record, ...]


def read(docs: pathlib.Path) -> dict[str, Record]:
    """Returns the records by recipe, in the order of their names."""
    paths = sorted((docs / "evidence").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def findings(records: Mapping[str, Record]) -> list[Finding]:
    """Returns every claim, judged anew from the published numbers."""
    found: list[Finding] = []
    for name, record in records.items():
        found += _judged(name, (record,)) if "raw" in record else _older(record)
    for name, recipes in JOINT.items():
        if all("raw" in records.get(recipe, {}) for recipe in recipes):
            found += _judged(name, tuple(records[recipe] for recipe in recipes))
    return found


def _judged(name, records):
    module = importlib.import_module(f"recipes.claims.{name}")
    made = module.judge(*(record["raw"] for record in records))
    rows = harness.judged(name, made)
    return [Finding(r, c, records) for r, c in zip(rows, made[1].values(), strict=True)]


def _older(record):
    if "numbers" in record:
        rows = harness.evidence(record["recipe"], record["numbers"], record["holds"])
    else:  # It last ran when only sentences were kept.
        empty: dict[str, Any] = dict.fromkeys(("key", "where", "effect", "how", "change"), "")
        empty["table"] = []
        rows = [cast(harness.Row, empty | row) for row in record["rows"]]
    return [Finding(row, None, (record,)) for row in rows]


def _is_to_run_again(record: Record) -> bool:
    """Returns whether a recipe judges by intervals by now, but was published before."""
    if "raw" in record:
        return False
    name = f"recipes.claims.{record['recipe']}"
    return bool(importlib.util.find_spec(name)) and hasattr(importlib.import_module(name), "judge")


def verdict(row: harness.Row) -> str:
    """Returns the verdict, and where a claim holds that holds in part."""
    return f"{row['verdict']} ({row['where']})" if row["where"] else row["verdict"]


def fill(text: str, found: Sequence[Finding]) -> str:
    """Returns `text` with what stands between its markers written anew.

    Raises:
        ValueError: a marker names no claim.
    """
    sentences = {f"chapter {number}": _table(number, found) for number in CHAPTERS}
    for row in (finding.row for finding in found if finding.claim):
        sentences[row["key"]] = row["measured"]
        sentences[f"{row['key']}.verdict"] = verdict(row)

    def sentence(marked: re.Match[str]) -> str:
        if marked[2] not in sentences:
            raise ValueError(f"there is no {marked[2]} to show; there are {sorted(sentences)}")
        return f"{marked[1]}{sentences[marked[2]]}{marked[4]}"

    return _MARKED.sub(sentence, text)


def _table(chapter, found):
    rows = [finding.row for finding in found if finding.row["chapter"] == chapter]
    lines = [f"| {cell(row['claim'])} | **{cell(verdict(row))}** |" for row in rows]
    return "\n".join(["", "", "| claim | measured |", "| --- | --- |", *lines, "", ""])


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def refreshed(root: pathlib.Path, found: Sequence[Finding]) -> dict[pathlib.Path, str]:
    """Returns `{file: its text}` of all that show a sentence, written anew."""
    texts = {}
    for path in sorted(path for pattern in SHOWN_IN for path in root.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        if "<!-- evidence: " in text:
            texts[path] = _notebook(text, found) if path.suffix == ".ipynb" else fill(text, found)
    return texts


def _notebook(text, found):
    notebook = json.loads(text)
    for each in notebook["cells"]:
        if each["cell_type"] == "markdown":
            each["source"] = fill("".join(each["source"]), found).splitlines(keepends=True)
    # As nbformat writes it.
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def anchor(title: str) -> str:
    """Returns the fragment of a heading's address, as code hosts and the site make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def page(
    records: Mapping[str, Record], repeats: Mapping[str, Mapping[int, Record]] | None = None
) -> str:
    """Returns docs/evidence.md: how claims are judged, a table of all, then a section for each.

    Args:
        repeats: `{recipe: {base seed: record}}`, the same with other seeds.
    """
    found = findings(records)
    claims = [finding.claim for finding in found if finding.claim]
    strict = judging.page_confidence(claims)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"cell": cell, "anchor": anchor}
    template = environment.from_string(
        (pathlib.Path(__file__).parents[1] / "evidence.md.j2").read_text(encoding="utf-8")
    )
    chapters = [_chapter(number, found) for number in CHAPTERS]
    counts = collections.Counter(finding.row["verdict"] for finding in found)
    text = template.render(
        chapters=[chapter for chapter in chapters if chapter["sections"]],
        num_claims=len(found),
        counts=[(counts[word], plural) for word, plural in _PLURALS.items() if counts[word]],
        num_judged=len(claims),
        num_comparisons=sum(len(claim.comparisons) for claim in claims),
        strict=strict,
        lost=[
            finding.row["claim"]
            for finding in found
            if finding.claim and finding.claim.verdict(strict) != finding.claim.verdict()
        ],
        verdict=verdict,
        repeated=_repeated(found, repeats or {}),
    )
    return text.rstrip() + "\n"


def _chapter(number, found):
    """Returns a chapter's sections: one per claim, and one per recipe of the older rule."""
    sections: dict[str, dict[str, Any]] = {}
    titles: set[str] = {
        _title(f.records[0]["recipe"]) for f in found if not f.claim and f.row["chapter"] < number
    }
    for finding in found:
        row, record = finding.row, finding.records[0]
        if row["chapter"] != number:
            continue
        title = _title(record["recipe"])
        if finding.claim:
            title = _title(row["key"].replace(".", ": "))
        elif title in titles:
            title = f"{title}, chapter {number}"
        section = sections.setdefault(
            title, {"title": title, "rows": [], "records": finding.records, "judged": finding.claim}
        )
        section["rows"].append(row)
    for section in sections.values():
        section["pictures"] = _pictures(section, found)
        section["again"] = _is_to_run_again(section["records"][0])
    return {"number": number, "title": CHAPTERS[number], "sections": list(sections.values())}


def _title(name):
    return name.replace("_", " ").capitalize()


def _pictures(section, found):
    """Returns `{picture: what it shows}`: the rows', and with its last row a recipe's others."""
    record = section["records"][0]
    of_record = [f.row for f in found if f.records[0] is record]
    taken = {row["picture"] for row in of_record}
    pictures = {row["picture"]: row["claim"] for row in reversed(section["rows"])}
    if of_record[-1] in section["rows"]:
        rest = (name for name in record["pictures"] if name not in taken)
        pictures |= dict.fromkeys(rest, section["title"])
    return pictures


def _repeated(found, repeats):
    """Returns a row per claim that was repeated: the verdict by base seed."""
    seeds = sorted({seed for by_seed in repeats.values() for seed in by_seed})
    rows = []
    for finding in found:
        names = [record["recipe"] for record in finding.records]
        if not finding.claim or not all(set(seeds) <= set(repeats.get(n, {})) for n in names):
            continue
        verdicts = [verdict(finding.row)]
        for seed in seeds:
            others = {name: repeats[name][seed] for name in names}
            again = [f.row for f in findings(others) if f.row["key"] == finding.row["key"]]
            verdicts += [verdict(row) for row in again]
        rows.append({"claim": finding.row["claim"], "verdicts": verdicts})
    return {"seeds": seeds, "rows": rows}


def read_repeats(docs: pathlib.Path) -> dict[str, dict[int, Record]]:
    """Returns what `python -m recipes.evidence --repeat` has kept."""
    found: dict[str, dict[int, Record]] = {}
    for path in sorted((docs / "evidence" / "repeats").glob("*.json")):
        name, seed = path.stem.split(".")
        found.setdefault(name, {})[int(seed)] = json.loads(path.read_text(encoding="utf-8"))
    return found

"""A diagnosis as one HTML page: the verdicts, then each check with its picture."""

import base64
import os
import pathlib
import re
from collections.abc import Callable, Mapping

from tfcourse.diagnosis.checks import CHECKS
from tfcourse.diagnosis.finding import VERDICTS, Finding, Verdict
from tfcourse.reports import templates
from tfcourse.system import files


def write(
    title: str,
    findings: Mapping[str, Finding],
    path: os.PathLike[str] | str,
    spelled: Callable[[str], str],
) -> None:
    """Writes the page; see `Diagnosis.write`."""
    ordered = sorted(findings, key=lambda name: VERDICTS.index(findings[name].verdict))
    counts = {v: sum(f.verdict == v for f in findings.values()) for v in VERDICTS}
    environment = templates.environment(pathlib.Path(__file__).parent)
    text = environment.get_template("page.html.j2").render(
        title=f"Diagnosis of {title}",
        answer=_answer(counts),
        checks=[_shown(name, findings[name], spelled) for name in ordered],
    )
    files.write_file(pathlib.Path(path), text)


def _answer(counts: Mapping[Verdict, int]) -> str:
    if not counts["broken"] and not counts["look"]:
        return f"All {counts['fine']} checks are fine."
    parts = [f"{counts['broken']} broken"] if counts["broken"] else []
    parts += [f"{counts['look']} to look at"] if counts["look"] else []
    return f"{', '.join(parts)}, {counts['fine']} fine."


def _shown(name: str, found: Finding, spelled: Callable[[str], str]) -> dict[str, object]:
    check = CHECKS[name]
    picture = base64.b64encode(found.picture).decode() if found.picture else ""
    return {
        **{"name": name, "title": check.title, "found": found, "picture": picture},
        "about": [_with_code(part) for part in check.about],
        "hint": _with_code(spelled(found.hint)),
    }


def _with_code(text: str) -> list[str]:
    """Returns the parts of a text; every second part was in backticks."""
    return re.split(r"`(.+?)`", text, flags=re.DOTALL)

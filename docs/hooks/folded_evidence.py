"""Folds each claim on the page of evidence, which would be 50 screens long."""

import re
from typing import Any

from mkdocs.structure.pages import Page

# A heading and the claim with its verdict are seen, all else is folded.
_SECTION = re.compile(r"(<h3 .*?</h3>\s*<p>.*?</p>)(.*?)(?=<h[23] |\Z)", re.S)
# Who follows a link to a claim wants to read it.
_OPEN_LINKED = """<script>
function openLinked() {
  const linked = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  linked?.closest("details")?.setAttribute("open", "");
}
addEventListener("hashchange", openLinked);
openLinked();
</script>"""


def on_page_content(page_html: str, page: Page, **_: Any) -> str:
    if page.file.src_uri != "evidence.md":
        return page_html
    folded = r'<details class="claim"><summary>\1</summary>\2</details>'
    return _SECTION.sub(folded, page_html) + _OPEN_LINKED

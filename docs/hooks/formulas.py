"""Turns the TeX of a page into MathML, which browsers draw without a script or a font of ours."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_DISPLAYED = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.S)
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.S)


def on_page_content(page_html: str, **_: Any) -> str:
    page_html = _DISPLAYED.sub(
        lambda tex: f'<div class="formula">{_mathml(tex, "block")}</div>', page_html
    )
    return _INLINE.sub(lambda tex: _mathml(tex, "inline"), page_html)


def _mathml(tex: re.Match[str], display: str) -> str:
    return convert(html.unescape(tex[1]).strip(), display=display)

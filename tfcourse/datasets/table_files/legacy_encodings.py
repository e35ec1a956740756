"""Guesses the encoding of text that is not UTF-8.

Encodings are tried one after another. The first in which words look like words is used: letters of
one script, with capitals only at the start. If the expected column names occur in only one
encoding, that one is used.
"""

import codecs
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence

WESTERN = "cp1252"
_NAMES = {WESTERN: "Windows-1252", "latin-1": "Latin-1"}
# In the order of trial, each with its scripts.
_LATIN, _CYRILLIC, _GREEK = ("LATIN",), ("CYRILLIC",), ("GREEK",)
_HAN = "CJK UNIFIED"
_JAPANESE = (_HAN, "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK", "IDEOGRAPHIC")
_SCRIPTS: dict[str, tuple[str, ...]] = {
    WESTERN: _LATIN,
    "cp1250": _LATIN,
    "cp1251": _CYRILLIC,
    "koi8_r": _CYRILLIC,
    "cp866": _CYRILLIC,
    "cp932": _JAPANESE,
    "euc_jp": _JAPANESE,
    "cp949": ("HANGUL SYLLABLE",),
    "gb18030": (_HAN,),
    "big5": (_HAN,),
    "cp1253": _GREEK,
    "cp1254": _LATIN,
    "cp1255": ("HEBREW",),
    "cp1256": ("ARABIC",),
    "cp850": _LATIN,
    "mac_roman": _LATIN,
}
_SHARE = 0.9  # Share of words that must look like words.
_MOST_WORDS = 500
# Characters that do not occur in text: controls, unassigned ones, and box drawing.
_ODD = re.compile("[\x7f-\x9f\u2500-\u259f\ue000-\uf8ff\uff61-\uff9f]")
_WORD = re.compile(r"[^\W\d_]+")
_SPELLED = re.compile("A?a*|A+|o+")


def is_one(name: str) -> bool:
    """Returns whether `encoding` is known to Python and contains ASCII."""
    ascii_bytes = bytes(range(32, 127))
    try:
        shifts = codecs.lookup(name).name.startswith(("hz", "iso2022", "utf-7"))
        return not shifts and ascii_bytes.decode(name) == ascii_bytes.decode("ascii")
    except (LookupError, ValueError):
        return False


def guess(start: bytes, expected: Sequence[str] = ()) -> str:
    """Returns the likely encoding of bytes that are not UTF-8.

    Args:
        start: the start of a file, which may end within a character.
        expected: names of columns that are likely to occur.
    """
    for name in expected:
        if not name.isascii():
            for encoding in _SCRIPTS:
                if _has(start, name, encoding) and _decoded(start, encoding) is not None:
                    return encoding
    for encoding, scripts in _SCRIPTS.items():
        text = _decoded(start, encoding)
        if text is not None and _reads_well(text, scripts):
            return encoding
    return "latin-1" if _decoded(start, WESTERN) is None else WESTERN


def note(encoding: str, text: str, *, asked: bool) -> str:
    """Returns a note about a text in an older encoding."""
    name = _NAMES.get(encoding, encoding)
    if asked:
        return f"read as {name} text"
    told = f"read as {name} text, since it is not UTF-8"
    word = next(_words(text), "")[:20]
    return f"{told}: if {word!r} is misspelt, `encoding` names another" if word else told


def _has(start: bytes, name: str, encoding: str) -> bool:
    try:
        return name.encode(encoding) in start
    except UnicodeEncodeError:
        return False


def _decoded(start: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        return None


def _words(text: str) -> Iterator[str]:
    """Yields the words with at least one letter beyond ASCII."""
    return (found[0] for found in _WORD.finditer(text) if not found[0].isascii())


def _reads_well(text: str, scripts: tuple[str, ...]) -> bool:
    if scripts is _JAPANESE and not re.search("[\u3040-\u30ff]", text):
        return False  # Without its own letters, it may be Chinese.
    words = list(itertools.islice(_words(text), _MOST_WORDS))
    good = sum(_is_word(word, scripts) for word in words)
    is_told = bool(words) or scripts is _LATIN  # Without words, there are only signs: 5 °C.
    return is_told and good >= _SHARE * len(words) and not _ODD.search(text)


def _is_word(word: str, scripts: tuple[str, ...]) -> bool:
    if not all(unicodedata.name(char, "").startswith(scripts) for char in word):
        return False
    if scripts is _LATIN and len(word) > 1 and not any(map(str.isascii, word)):
        return False  # No language has words of accented letters only.
    cases = "".join("A" if c.isupper() else "a" if c.islower() else "o" for c in word)
    return bool(_SPELLED.fullmatch(cases))

"""The names of months in French, German, Spanish, Italian, Portuguese and Dutch."""

import re

# Full names, then abbreviations; what English spells alike is left out.
_NAMES = {
    "January": "janvier januar jänner enero gennaio janeiro januari",
    "February": "février februar febrero febbraio fevereiro februari",
    "March": "mars märz marzo março maart",
    "April": "avril abril aprile",
    "May": "mai mayo maggio maio mei",
    "June": "juin juni junio giugno junho",
    "July": "juillet juli julio luglio julho",
    "August": "août agosto augustus",
    "September": "septembre septiembre settembre setembro",
    "October": "octobre oktober octubre ottobre outubro",
    "November": "novembre noviembre novembro",
    "December": "décembre dezember diciembre dicembre dezembro",
    "Jan": "janv ene gen",
    "Feb": "févr fév fev",
    "Mar": "mär mrz mrt",
    "Apr": "avr abr",
    "Jul": "juil lug",
    "Aug": "ago",
    "Sep": "sept set",
    "Oct": "okt ott out",
    "Dec": "déc dez dic",
}
_ENGLISH = {name: month for month, names in _NAMES.items() for name in names.split()}
_MONTH = re.compile(rf"\b({'|'.join(_ENGLISH)})\b", re.IGNORECASE)
# 1. März and 3 de mayo de 2019; the full stop of an abbreviation.
_AROUND = re.compile(r"(?<=\d)\. (?=[^\W\d])|(?<=[^\W\d])\.(?= \d)| (?:de|del) ", re.IGNORECASE)


def english(text: str) -> str:
    """Returns a text with its month in English: "1 March 2019" for "1. März 2019"."""
    named = _MONTH.sub(lambda found: _ENGLISH[found[1].lower()], text, count=1)
    return _AROUND.sub(lambda part: "" if part[0] == "." else " ", named)

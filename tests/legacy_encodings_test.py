import pandas as pd
import pytest

from tfcourse import datasets
from tfcourse.datasets.table_files import legacy_encodings

WORDS = {
    "cp1250": ("Łódź", "Kraków", "Gdańsk", "Przemyśl"),
    "cp1251": ("Москва", "Казань", "Томск", "нет"),
    "koi8_r": ("Москва", "Казань", "Томск", "нет"),
    "cp1252": ("Zürich", "Genève", "naïve", "don\u2019t £5"),
    "cp932": ("東京", "大阪", "はい", "カード"),
    "gb18030": ("北京", "上海", "广州", "是"),
    "cp949": ("서울", "부산", "예", "아니오"),
    "cp1253": ("Αθήνα", "Πάτρα", "ναι", "όχι"),  # noqa: RUF001
    "cp850": ("Zürich", "Genève", "Köln", "Málaga"),
    "mac_roman": ("Zürich", "Genève", "Köln", "größe"),
}


def table(words, names="x,city,y"):
    rows = (f"{i % 7},{words[i % len(words)]},{'ab'[i % 2]}\n" for i in range(40))
    return f"{names}\n{''.join(rows)}"


def categories(data):
    return [name for name in data.preprocessing.feature_names if "=" in name]


@pytest.mark.parametrize("encoding", WORDS)
def test_encoding_is_guessed_by_words_that_look_like_words(encoding, tmp_path, caplog):
    path = tmp_path / "mine.csv"
    path.write_bytes(table(WORDS[encoding]).encode(encoding))
    data = datasets.load(f"csv:{path}", label="y")
    assert categories(data) == [f"city={word}" for word in sorted(WORDS[encoding])]
    assert f"'{WORDS[encoding][0]}' is misspelt, `encoding` names another" in caplog.text


@pytest.mark.parametrize("encoding", ["cp1251", "big5", "euc_jp", "cp1255"])
def test_label_as_it_is_asked_for_decides(encoding, tmp_path):
    label = {"cp1251": "да", "big5": "購買", "euc_jp": "購入", "cp1255": "כן"}[encoding]
    path = tmp_path / "mine.csv"
    path.write_bytes(table(["u", "v"], f"x,k,{label}").encode(encoding))
    assert datasets.load(f"csv:{path}", label=label).preprocessing.label == label


def test_encoding_that_is_asked_for_is_taken_and_recorded(tmp_path, caplog):
    path = tmp_path / "mine.csv"
    path.write_bytes(table(("שלום", "עולם")).encode("cp1255"))
    data = datasets.load(f"csv:{path}", label="y", encoding="cp1255")
    assert categories(data) == ["city=עולם", "city=שלום"]
    assert "read as cp1255 text" in caplog.text
    assert "misspelt" not in caplog.text
    assert data.preprocessing.encoding == "cp1255"
    assert data.preprocessing.read(path).features[:2, 1:].tolist() == [[0, 1], [1, 0]]


def test_utf_8_stays_utf_8_whatever_is_asked_for(tmp_path, caplog):
    path = tmp_path / "mine.csv"
    path.write_bytes(table(("Łódź", "Kraków")).encode())
    data = datasets.load(f"csv:{path}", label="y", encoding="cp1250")
    assert categories(data) == ["city=Kraków", "city=Łódź"]
    assert "which it is, and not as `encoding=cp1250` says" in caplog.text


def test_workbook_has_no_encoding(tmp_path):
    pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}).to_excel(tmp_path / "mine.xlsx", index=False)
    with pytest.raises(datasets.DataError, match=r"received Excel.*Leave `encoding` out"):
        datasets.check(f"csv:{tmp_path}/mine.xlsx", label="y", encoding="cp1251")


def test_text_that_is_not_in_the_encoding_asked_for_is_an_error(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(table(("Zürich", "Genève")).encode("cp1252"))
    with pytest.raises(datasets.DataError, match="expected CP932 text, as `encoding` says"):
        datasets.load(f"csv:{path}", label="y", encoding="cp932")


def test_first_odd_byte_may_stand_far_down(tmp_path, monkeypatch):
    path = tmp_path / "mine.csv"
    path.write_bytes(table(["plain", "Москва"]).encode("cp1251"))
    monkeypatch.setattr("tfcourse.datasets.table_files.text_files.HEAD", 8)
    assert "city=Москва" in categories(datasets.load(f"csv:{path}", label="y"))


@pytest.mark.parametrize("name", ["cp1251", "shift_jis", "latin-1", "utf-8"])
def test_known_encoding(name):
    assert legacy_encodings.is_one(name)


@pytest.mark.parametrize("name", ["", "cp9999", "utf-16", "utf-7", "iso2022_jp", "hz", "base64"])
def test_other_encodings_are_refused(name):
    assert not legacy_encodings.is_one(name)
    if name:
        with pytest.raises(ValueError, match=f"`encoding` must be one.*Received: '{name}'"):
            datasets.check("csv:mine.csv", label="y", encoding=name)

import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import tfcourse
from recipes.claims import published
from tfcourse.system import locks

ROOT = pathlib.Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "docs/course").glob("*.md"))
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def site(shared_folder):
    # Whichever process comes first builds it for all; it takes as long as all tests here.
    folder = shared_folder / "site"
    with locks.lock(folder.with_suffix(".lock"), purpose="building the site"):
        if not folder.exists():
            build(folder.with_suffix(".new"))
            folder.with_suffix(".new").rename(folder)
    return folder


def build(folder):
    for module in ("material", "mkdocstrings_handlers.python", "latex2mathml"):
        pytest.importorskip(module, reason=f"{module}: pip install -e '.[docs]'")
    environment = {
        **os.environ,
        # Nothing may be fetched while it is built either.
        **dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9"),
        "NO_MKDOCS_2_WARNING": "1",  # The theme's note about its successor.
    }
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", f"--site-dir={folder}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=180,
    )
    # With --quiet, warnings would not count.
    lines = (built.stdout + built.stderr).splitlines()
    assert [line for line in lines if line and not line.startswith("INFO")] == []
    assert built.returncode == 0


class Requests(html.parser.HTMLParser):
    """Collects what a browser fetches to show a page, links of <a> left out."""

    def __init__(self):
        super().__init__()
        self.urls = []

    def handle_starttag(self, tag, attributes):
        names = ("src", "srcset", "data") if tag != "link" else ("href",)
        self.urls += [value for name, value in attributes if name in names and value]


def test_no_page_asks_for_anything_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        found = Requests()
        found.feed(page.read_text())
        elsewhere = [url for url in found.urls if re.match(r"(\w+:)?//", url)]
        assert elsewhere == [], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(\w+:)?//", sheet.read_text()), sheet


def text_of(site, page):
    return (site / page).with_suffix(".html").read_text()


@pytest.fixture(scope="module")
def measured():
    """The numbers of the chapters that have claims with evidence."""
    found = published.findings(published.read(ROOT / "docs"))
    return {str(each.row["chapter"]) for each in found}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_formula_code_picture_evidence_and_erratum(site, chapter, measured):
    page = text_of(site, f"course/{chapter.stem}")
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"' in page
    assert "arithmatex" not in page
    assert '<span class="k">def</span>' in page or '<span class="k">class</span>' in page
    assert 'href="../errata.html#e' in page
    assert 'href="../notebooks/' in page
    if chapter.stem[0] in measured:
        assert "../images/evidence/" in page
        assert re.search(r"<strong>(holds|does not hold|undecided)", page)


def test_a_function_is_shown_with_its_decorators_and_without_its_docstring(site):
    page = text_of(site, "course/6_frameworks")
    assert '<span class="nd">@tf' in page
    assert "Moves the variable" not in page


def test_recipes_show_the_flags_that_they_declare(site):
    from recipes import mnist_softmax
    from tfcourse import hyperparameters

    page = text_of(site, "recipes/mnist_softmax")
    for name, declaration in hyperparameters.declarations(mnist_softmax.MnistSoftmax).items():
        assert f"<code>--{name}</code>" in page
        assert declaration.help in page
    assert "<code>0.0001:1.0:log</code>" in page
    assert "<code>--sweep</code>" in text_of(site, "recipes/index")


@pytest.mark.parametrize("part", tfcourse.__all__)
def test_each_part_has_its_reference(site, part):
    page = text_of(site, f"api/{part}")
    assert f'id="tfcourse.{part}.' in page


def test_the_index_of_the_reference_describes_each_part(site):
    page = text_of(site, "api/index")
    for part in tfcourse.__all__:
        assert re.search(rf">tfcourse\.{part}</code></a></td>\s*<td>[A-Z].{{20,}}</td>", page), part


def test_each_notebook_is_a_page_with_its_outputs(site):
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        page = text_of(site, f"notebooks/{path.stem}")
        cells = json.loads(path.read_text())["cells"]
        pictures = [
            o for c in cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})
        ]
        assert page.count(f'src="{path.stem}_') == len(pictures) > 0
        assert page.count("<code>") >= sum(cell["cell_type"] == "code" for cell in cells)
        assert f'href="{path.name}"' in page
        assert (site / "notebooks" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("learning rate finder", "sweeps.html#"),
        ("early stopping", "training_options.html#early-stopping"),
        ("confusion matrix", "use.html#evaluate"),
        ("augmentation", "your_data.html#augmentation"),
        ("checkpoint", "reliability.html#"),
    ],
)
def test_the_search_finds_common_names(site, name, place):
    entries = json.loads((site / "search/search_index.json").read_text())["docs"]
    found = [e["location"] for e in entries if name in f"{e['title']} {e['text']}".lower()]
    assert any(location.startswith(place) for location in found), found


def test_a_claim_is_folded_behind_its_name_and_sentence(site):
    page = text_of(site, "evidence")
    sections = re.findall(r"<h3 .*?(?=<h3 |\Z)", page, re.S)
    assert page.count("</details>") == len(sections) > 30
    for section in sections:
        shown, rest = section.split("</summary>")
        assert "<img" not in shown
        assert "<table>" in rest.split("</details>")[0]


def test_the_table_of_claims_has_a_picture_and_an_effect_for_each(site):
    page = text_of(site, "evidence")
    table = page.partition("<table>")[2].partition("</table>")[0]
    rows = table.split("<tr>")[2:]
    assert len(rows) == page.count("</details>") - 1  # The repeats are a section, too.
    for row in rows:
        (picture,) = re.findall(r'<img src="(.*?)"', row)
        assert (site / picture).is_file()
        assert re.search(r"<td>[^<]+: [-+]?\d.*</td>\s*</tr>", row)


def test_bounds_in_the_reference_keep_their_sign(site):
    page = text_of(site, "api/schedules")
    assert "<blockquote>" not in page
    assert re.search(r"<p>&gt;= 1, the steps of the whole training", page)
    assert re.search(r"<p>&gt; 0, the rate in the first epoch", page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_the_formulas_without_a_network(site, scheme):
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(color_scheme=scheme, viewport={"width": 1200, "height": 900})
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((site / "course/2_averages.html").as_uri())
        formula = page.locator("math[display=block]").first.bounding_box()
        page.set_viewport_size({"width": 390, "height": 800})
        scrolls = page.evaluate("document.documentElement.scrollWidth") > 390
        page.set_viewport_size({"width": 1200, "height": 900})
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.keyboard.press("s")
        page.keyboard.type("momentum")
        page.locator(".md-search-result__item").first.wait_for(timeout=20_000)
        browser.close()
    assert not scrolls  # A wide formula scrolls inside its box.
    assert formula["height"] > 15
    assert formula["width"] > 200
    is_light = sum(map(int, re.findall(r"\d+", background)[:3])) > 384
    assert is_light == (scheme == "light")
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []

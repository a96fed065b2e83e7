"""The site as a reader meets it: whole, without a network, searchable, legible at any width, light and dark."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from docs_build import running, site
from tests.browser import SLACK, resize

OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?(https?:)?//|<link[^>]*rel=["']?(?:stylesheet|preload)[^>]*href=["']?https?:"""
)
TERMS = re.findall(r"^### (.+)$", (running.DOCS / "notation.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def root() -> Path:
    for page in running.pages():
        assert not running.run(page).error
    site.build()
    return site.SITE


def test_nothing_comes_from_a_network(root: Path) -> None:
    pages = list(root.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        assert not OUTSIDE.search(page.read_text()), page


def test_equations_are_drawn_without_scripts(root: Path) -> None:
    sheet = (root / "cheat_sheet" / "index.html").read_text()
    assert sheet.count("<math") >= 24
    for page in root.rglob("*.html"):
        assert 'class="arithmatex"' not in page.read_text(), page
        assert not re.search(r"<m(?:i|o|text)[^>]*>\\\w", page.read_text()), (
            f"{page}: a LaTeX command was not understood"
        )


def opened(browser: Any, root: Path, page: str, width: int = 1400, scheme: str = "light") -> Any:
    browser.get("about:blank")
    resize(browser, width, scheme)
    browser.get((root / page).as_uri())
    return browser


BROKEN = """
return [...document.images].filter(image => !image.complete || image.naturalWidth === 0).map(image => image.src)
"""
TOO_WIDE = """
return [...document.querySelectorAll('article *')].filter(one => one.getBoundingClientRect().right > innerWidth + 2
  && !one.closest('pre, .highlight, .equation, .md-typeset__scrollwrap, .tabbed-labels, table'))
  .slice(0, 5).map(one => one.tagName + ': ' + one.textContent.slice(0, 60))
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_pages_fit_and_pictures_are_there(browser: Any, root: Path, width: int, scheme: str) -> None:
    wrong = {}
    opened(browser, root, "index.html").execute_script("localStorage.clear()")  # the scheme that was shown before
    for path in sorted(root.rglob("*.html")):
        page = opened(browser, root, str(path.relative_to(root)), width, scheme)
        wide = page.execute_script("return document.documentElement.scrollWidth") > width + SLACK
        found = page.execute_script(BROKEN), page.execute_script(TOO_WIDE), page.get_log("browser")
        dark = page.execute_script("return document.body.getAttribute('data-md-color-scheme')") == "slate"
        if wide or any(found) or dark != (scheme == "dark"):
            wrong[path.name] = wide, *found, dark
    assert wrong == {}


def test_equations_are_legible(browser: Any, root: Path) -> None:
    page = opened(browser, root, "cheat_sheet/scores.html", 400)
    heights = page.execute_script(
        "return [...document.querySelectorAll('.equation math')].map(math => math.getBoundingClientRect().height)"
    )
    assert len(heights) >= 10
    assert min(heights) > 15


def test_code_can_be_copied(browser: Any, root: Path) -> None:
    page = opened(browser, root, "index.html")
    blocks = page.execute_script("return document.querySelectorAll('.highlight:not(.output) pre > code').length")
    buttons = page.execute_script("return document.querySelectorAll('.highlight [data-md-type=copy]').length")
    assert blocks >= 8
    assert buttons >= blocks


def search(page: Any, words: str) -> list[str]:
    """Addresses of what the search finds, best first."""
    field = page.find_element("css selector", "input.md-search__input")
    page.execute_script("arguments[0].value = ''", field)
    field.click()
    field.send_keys(words)
    for _ in range(100):
        time.sleep(0.05)
        found = page.execute_script(
            "return [...document.querySelectorAll('.md-search-result__link')].map(link => link.getAttribute('href'))"
        )
        shown = page.execute_script("return document.querySelector('.md-search-result__meta').textContent")
        if found and "match" in shown:
            return found
    return []


def test_each_term_of_the_glossary_is_found_first(browser: Any, root: Path) -> None:
    assert len(TERMS) >= 15
    missed = {}
    for term in TERMS:
        page = opened(browser, root, "index.html")
        found = search(page, term)
        if not found or "notation.html" not in found[0]:
            missed[term] = found[:2]
    assert missed == {}

"""The site as a reader meets it: whole, without a network, searchable, legible at any width, light and dark."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docs_build import running, site
from tests.browser import SLACK, resize

OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?(https?:)?//|<link[^>]*rel=["']?(?:stylesheet|preload)[^>]*href=["']?https?:"""
)
GLOSSARY = (running.DOCS / "notation.md").read_text().split("\n## Terms\n")[1].split("\n## ")[0]
TERMS = re.findall(r"^### (.+)$", GLOSSARY, re.MULTILINE)
PATIENCE = 60  # seconds that the search may take to read its index on busy cores


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
def test_pages_fit_and_pictures_are_there(browser: Any, root: Path, scheme: str) -> None:
    """On a telephone and on a desk: no page scrolls sideways, no picture is broken, nothing is missing."""
    wrong = {}
    opened(browser, root, "index.html").execute_script("localStorage.clear()")  # the scheme that was shown before
    for path in sorted(root.rglob("*.html")):
        page = opened(browser, root, str(path.relative_to(root)), 400, scheme)
        dark = page.execute_script("return document.body.getAttribute('data-md-color-scheme')") == "slate"
        found = [page.execute_script(BROKEN), page.get_log("browser"), [] if dark == (scheme == "dark") else [scheme]]
        for width in (400, 1400):
            resize(page, width, scheme)
            found.append(page.execute_script(TOO_WIDE))
            if page.execute_script("return document.documentElement.scrollWidth") > width + SLACK:
                found.append([f"wider than {width}"])
        if any(found):
            wrong[path.name] = found
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


RESULTS = """
return [document.querySelector('.md-search-result__meta').textContent,
  [...document.querySelectorAll('.md-search-result__link')].map(link => link.getAttribute('href'))]
"""


TYPED_AT_ONCE = """
const [field, words] = arguments
field.value = words
field.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true}))
"""


def search(page: Any, words: str) -> list[str]:
    """Addresses of what the search finds, best first."""
    field = page.find_element("css selector", "input.md-search__input")
    field.click()
    page.execute_script(TYPED_AT_ONCE, field, "")
    wait_for(page, lambda shown, _: "match" not in shown)
    page.execute_script(TYPED_AT_ONCE, field, words)
    return wait_for(page, lambda shown, found: "match" in shown)


def wait_for(page: Any, holds: Callable[[str, list[str]], bool]) -> list[str]:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        shown, found = page.execute_script(RESULTS)
        if holds(shown, found):
            return found
        time.sleep(0.02)
    raise TimeoutError(f"the search says {shown!r}")


def test_each_term_of_the_glossary_is_found_first(browser: Any, root: Path) -> None:
    assert len(TERMS) >= 15
    page = opened(browser, root, "index.html")
    found = {term: search(page, term)[:2] for term in TERMS}
    assert {term: best for term, best in found.items() if not best or "notation.html" not in best[0]} == {}

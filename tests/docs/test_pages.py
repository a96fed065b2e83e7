"""Every page of the guide: its code runs, its outputs are those it shows, and it says what no other page says."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from docs_build import names, outputs, running, tutorials
from docs_build.blocks import fences

ROOT = running.ROOT
PAGES = running.pages()
MOST_LINES = 300
SENTENCE_WORDS = 12  # so many words alike in a row are a sentence that two pages share
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """The text of a page without code, tables, links' addresses and marks."""
    lines = page.read_text().splitlines()
    for block in reversed(list(fences(page.read_text()))):
        del lines[block.first : block.last + 1]
    text = "\n".join(line for line in lines if not line.lstrip().startswith(("|", ":::", "<!--", "#", "!!!", "===")))
    return re.sub(r"\]\([^)]*\)|\$\$.*?\$\$|\$[^$]*\$", " ", text, flags=re.DOTALL)


@each_page
def test_every_block_gives_what_the_page_shows(page: Path) -> None:
    ran = running.run(page)
    assert not ran.error, ran.error
    assert outputs.differences(page.read_text(), ran.outputs) == []


@each_page
def test_pages_are_short(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= (150 if page.name == "README.md" else MOST_LINES)


def test_every_tutorial_is_the_page_of_its_script() -> None:
    assert tutorials.scripts()
    for script in tutorials.scripts():
        assert outputs.without_outputs(script.with_suffix(".md").read_text()) == tutorials.page_of(script), script


def test_tutorials_take_at_most_a_minute() -> None:
    for script in tutorials.scripts():
        assert running.run(script.with_suffix(".md")).seconds <= 60, script


def test_no_page_says_what_another_says() -> None:
    where: dict[str, set[str]] = defaultdict(set)
    for page in PAGES:
        if page.parent != ROOT and "reference" not in page.parts:
            words = re.findall(r"[\w'’]+", prose(page).lower())
            for start in range(len(words) - SENTENCE_WORDS + 1):
                where[" ".join(words[start : start + SENTENCE_WORDS])].add(page.name)
    assert {text: sorted(pages) for text, pages in where.items() if len(pages) > 1} == {}


def test_every_public_name_is_in_the_reference_and_linked_from_a_page() -> None:
    entries = re.findall(
        r"^::: (\S+)$", "\n".join(page.read_text() for page in (ROOT / "docs/reference").glob("*.md")), re.M
    )
    assert len(entries) == len(set(entries))
    modules = {"alcore.adapting", "alcore.bench", "alcore.plot", "alcore.stopping"}
    public = {target for target in names.public().values() if not target.startswith("alcore.Ledger.")}
    assert public <= set(entries)
    pages = "\n".join(page.read_text() for page in PAGES if "reference" not in page.parts)
    said = {names.entry(name) for name in re.findall(r"`([A-Za-z_][\w.]*)(?:\([^`]*\))?`", pages)}
    unlinked = {name for name in public - modules if not name.startswith("alcore.adapting.")} - said
    assert unlinked == set()

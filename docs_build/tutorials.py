"""Tutorials are scripts of cells, ``docs/tutorials/*.py``, that open as notebooks; jupytext makes the page of each."""

from __future__ import annotations

from pathlib import Path

import jupytext

from docs_build import outputs, running
from docs_build.blocks import blocks, commands

TUTORIALS = running.DOCS / "tutorials"


def scripts() -> list[Path]:
    return sorted(TUTORIALS.glob("*.py"))


def page_of(script: Path) -> str:
    """The page without outputs: text cells as they are, code cells as python blocks, and where to get the script."""
    cells = jupytext.read(script, fmt="py:percent").cells
    parts = [f"```python\n{cell.source}\n```" if cell.cell_type == "code" else cell.source for cell in cells]
    title, _, rest = parts[0].partition("\n")
    download = f"*This page is the script [{script.name}]({script.name}), which opens as a notebook with jupytext.*"
    page = "\n\n".join([title, download, *([rest.strip()] if rest.strip() else []), *parts[1:]]) + "\n"
    return page.replace(" -->\n\n```", " -->\n```")  # a mark stands in the line before its block


def write_all() -> None:
    """Writes the page of each script anew, with the outputs it had where the code is the same."""
    for script in scripts():
        page, text = script.with_suffix(".md"), page_of(script)
        if page.exists() and outputs.without_outputs(page.read_text()) == text:
            continue
        page.write_text(_with_outputs(text, page.read_text() if page.exists() else ""))


def _with_outputs(text: str, old: str) -> str:
    """Outputs of blocks whose code has not changed, so that only what changed shows up as a difference."""
    known = {block.code: block.shown for block in blocks(old)} if old else {}
    return outputs.stored(
        text,
        [
            [known.get(block.code, "")] if block.info == "python" else [output for _, output in commands(block)]
            for block in blocks(text)
        ],
    )

"""Equations as MathML while the site is built: browsers draw it without a script, and from disk.

``pymdownx.arithmatex`` finds ``$...$`` and ``$$...$$``; latex2mathml translates what it found.
"""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

FOUND = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def rendered(page: str) -> str:
    """The page's HTML with each equation as ``<math>``; its LaTeX stays in an annotation, which a copy takes along."""
    return FOUND.sub(_math, page)


def _math(found: re.Match[str]) -> str:
    latex = html.unescape(found[3]).strip()
    block = found[2] == "["
    math = convert(latex, display="block" if block else "inline")
    return f'<div class="equation">{math}</div>' if block else math

"""Docstrings as the reference shows them: examples in code blocks, one-line sections as paragraphs of their own."""

from __future__ import annotations

import re
from typing import Any

import griffe

ONE_LINE = re.compile(r"^(Returns|Raises|Yields|Cost)(:| (?=O\())[ ]*(?=\S)", re.MULTILINE)


class Readable(griffe.Extension):
    """Makes Markdown of what ``help()`` shows as plain text."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        make_readable(pkg)
        show_functions(pkg)


def make_readable(this: griffe.Object) -> None:
    """Every docstring of a module or a class, and its own."""
    if this.docstring is not None:
        this.docstring.value = readable(this.docstring.value)
    for member in this.members.values():
        if not member.is_alias:
            make_readable(member)


def show_functions(module: griffe.Module) -> None:
    """Where a file and the function in it share a name, the package's name means the function, as it does for who imports it."""
    for name, member in list(module.members.items()):
        if isinstance(member, griffe.Module):
            show_functions(member)
            if name in (module.exports or ()) and name in member.members:
                module.members[name] = griffe.Alias(name, target=member.members[name], parent=module)


def readable(text: str) -> str:
    """Doctest lines and their output in a fence; ``Returns: ...`` begins a paragraph with its word in bold."""
    text = ONE_LINE.sub(lambda found: f"\n**{found[1]}**{found[2]} ", text)
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.lstrip().startswith(">>> ") and not inside:
            indent = line[: len(line) - len(line.lstrip())]
            lines += ["", f"{indent}```pycon"]
            inside = True
        elif inside and not line.strip():
            lines.append(f"{indent}```")
            inside = False
        lines.append(line)
    return "\n".join([*lines, f"{indent}```"] if inside else lines)

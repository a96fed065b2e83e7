"""The code blocks of a page, their outputs, and the marks that say how a block is run.

A block is fenced by three backticks and is ``python`` or ``console``. What a python block prints follows it in a block of its own,
```` ```{ .text .output } ````; what a command prints follows its ``$`` line. A comment in the line before a block is a mark:

- ``<!-- numbers vary -->``: words of the output are compared, numbers are not (a trained network differs between processors).
- ``<!-- raises ValueError -->``: the block ends in this exception, whose text is the output.
- ``<!-- exit 2 -->``: the last command ends with this status.

Two marks stand in one comment: ``<!-- raises ValueError, numbers vary -->``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

RUN = ("python", "console")
OUTPUT = "{ .text .output }"
FENCE = re.compile(r"(?P<indent> *)```(?P<info>[^`]*)")
MARK = re.compile(r" *<!-- (?P<mark>.*) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block: lines ``first`` to ``last`` of the page, both fences included, and the output that follows it."""

    info: str
    code: str
    indent: str
    first: int
    last: int
    mark: str = ""
    shown: str = ""
    output_last: int = -1

    @property
    def numbers_vary(self) -> bool:
        return "numbers vary" in self._marks

    @property
    def raises(self) -> str:
        return self._after("raises ")

    @property
    def status(self) -> int:
        return int(self._after("exit ") or 0)

    @property
    def _marks(self) -> list[str]:
        return self.mark.split(", ")

    def _after(self, word: str) -> str:
        return next((mark.removeprefix(word) for mark in self._marks if mark.startswith(word)), "")


def fences(text: str) -> Iterator[Block]:
    """Every fenced block of a page, outputs too, in order."""
    lines = text.splitlines()
    opened: tuple[int, str, str] | None = None
    for number, line in enumerate(lines):
        found = FENCE.fullmatch(line)
        if opened is None and found:
            opened = number, found["indent"], found["info"].strip()
        elif opened is not None and found and found["indent"] == opened[1] and not found["info"]:
            first, indent, info = opened
            code = "\n".join(line.removeprefix(indent) for line in lines[first + 1 : number])
            mark = MARK.fullmatch(lines[first - 1]) if first else None
            yield Block(info, code, indent, first, number, mark["mark"] if mark else "")
            opened = None
    if opened is not None:
        raise ValueError(f"line {opened[0] + 1}: expected the end of this block, three backticks with the same indent.")


def blocks(text: str) -> list[Block]:
    """The blocks that run, each with the output that the page shows for it."""
    lines = text.splitlines()
    found: list[Block] = []
    for block in fences(text):
        if block.info in RUN:
            found.append(block)
        elif block.info == OUTPUT and found and found[-1].info == "python" and _follows(lines, found[-1], block):
            found[-1] = replace(found[-1], shown=block.code, output_last=block.last)
        else:
            raise ValueError(
                f"line {block.first + 1}: expected python or console, or {OUTPUT} directly after a python block, "
                f"got {block.info!r}."
            )
    return found


def _follows(lines: list[str], block: Block, output: Block) -> bool:
    """Whether nothing but empty lines stands between a block and an output."""
    return block.output_last < 0 and not "".join(lines[block.last + 1 : output.first]).strip()


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, each with the lines that the page shows below it."""
    found: list[tuple[str, str]] = []
    goes_on = False
    for line in block.code.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif goes_on:
            found[-1] = f"{found[-1][0]}\n{line}", ""
            goes_on = line.endswith("\\")
            continue
        elif found:
            found[-1] = found[-1][0], found[-1][1] + line + "\n"
        else:
            raise ValueError(f"line {block.first + 2}: expected a command, `$ ...`, before its output.")
        goes_on = line.startswith("$ ") and line.endswith("\\")
    return [(command, output.rstrip("\n")) for command, output in found]

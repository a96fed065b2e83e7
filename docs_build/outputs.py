"""What a page shows against what it printed: compared word by word and number by number, and stored in the page."""

from __future__ import annotations

import re
from itertools import zip_longest

from docs_build.blocks import OUTPUT, Block, blocks, commands

NUMBER = re.compile(r"(?<![\w.])[-−+]?(?:\d[\d,]*)?\.?\d+(?:\.(?!\w))?(?:e[-+]?\d+)?%?")
OF_THE_RUN = re.compile(  # what no two runs have alike: a ledger's identity, which is random, and the time
    r"\b[0-9a-f]{32}\b|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?"
)
UNIT = re.compile(r"# (?:µs|ms|s|min|h|[kMGT])(?!\w)")  # a slower machine writes 900 k where 1 M stands
RULE = re.compile(r"[-─━═]{3,}")  # a table's lines are as long as its numbers are wide


def differences(text: str, outputs: list[list[str]]) -> list[str]:
    """A sentence for each output that the page shows wrongly."""
    found = []
    for block, produced in zip(blocks(text), outputs, strict=True):
        shown = [block.shown] if block.info == "python" else [output for _, output in commands(block)]
        for one_shown, one_produced in zip(shown, produced, strict=True):
            if not same(one_shown, one_produced, numbers_vary=block.numbers_vary):
                found.append(f"line {block.first + 1}: the page shows\n{one_shown}\nand the block gave\n{one_produced}")
    return found


def same(shown: str, produced: str, *, numbers_vary: bool = False) -> bool:
    """Equal words, equal whole numbers, others within one unit of the last digit shown or 1e-6. Space does not count, nor do
    times and the identities of ledgers."""
    shown, produced = (OF_THE_RUN.sub("of-the-run", text) for text in (shown, produced))
    if numbers_vary:
        return UNIT.sub("#", _words(shown)) == UNIT.sub("#", _words(produced))
    return _words(shown) == _words(produced) and all(
        a is not None and b is not None and _close(a, b)
        for a, b in zip_longest(NUMBER.findall(shown), NUMBER.findall(produced))
    )


def _words(text: str) -> str:
    return " ".join(RULE.sub("──", NUMBER.sub(" # ", text)).split())


def _close(shown: str, produced: str) -> bool:
    if shown == produced:
        return True
    digits, _, exponent = shown.rstrip("%").partition("e")
    decimals = digits.partition(".")[2]
    if ("." in shown) != ("." in produced) or not ("." in digits or exponent):
        return False
    unit = 10.0 ** (int(exponent or 0) - len(decimals))
    return abs(_value(shown) - _value(produced)) <= max(1.5 * unit, 1e-6 * abs(_value(shown)))


def _value(number: str) -> float:
    return float(number.rstrip("%").replace(",", "").replace("−", "-"))


def stored(text: str, outputs: list[list[str]], *, renew: bool = False) -> str:
    """The page with the outputs that its blocks gave. One that is the same as shown stays as it is, if not renewed."""
    lines = text.splitlines()
    for block, produced in reversed(list(zip(blocks(text), outputs, strict=True))):
        if block.info == "console":
            lines[block.first + 1 : block.last] = _console(block, produced, renew)
        elif renew or not same(block.shown, produced[0], numbers_vary=block.numbers_vary):
            last = max(block.last, block.output_last)
            lines[block.last + 1 : last + 1] = _fenced(block.indent, produced[0]) if produced[0] else []
    return "\n".join(lines) + "\n"


def _fenced(indent: str, output: str) -> list[str]:
    body = [f"```{OUTPUT}", *output.splitlines(), "```"]
    return ["", *(f"{indent}{line}".rstrip() for line in body)]


def _console(block: Block, produced: list[str], renew: bool) -> list[str]:
    found: list[str] = []
    for (command, shown), output in zip(commands(block), produced, strict=True):
        kept = shown if not renew and same(shown, output, numbers_vary=block.numbers_vary) else output
        found += [f"$ {command}", *([kept] if kept else [])]
    return [f"{block.indent}{line}".rstrip() for text in found for line in text.splitlines()]


def without_outputs(text: str) -> str:
    """The page as its author wrote it, for comparing a tutorial with its script."""
    return stored(text, [[""] if block.info == "python" else ["" for _ in commands(block)] for block in blocks(text)])

"""The remedies that refusals of alcore print: which texts have code in them, and cases that raise them and run that code.

`texts` finds every text with code among the strings of the source. `CASES` (in `remedy_cases`) raise them. What no test can run is
in `NOT_RUN`, with the reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("door", "sources", "scores", "batches", "heuristics", "risk", "bench", "plot")
# Code, as remedies write it: a call, an attribute of NumPy or alcore, an option with its value, an index.
CODE = re.compile(r"\b(?:np|alcore|glob)\.\w|\w\.\w+\(|\b[A-Za-z_]\w*\([^) ]*\)?|\b[a-z_]+=(?!=)[\w'\[({]|\w\[[^\]]*\]")
# Commands and options, as remedies of a shell write them.
SHELL = re.compile(r"\b(?:chmod|mkdir|mv|cp|rm|ls) ")
COMMAND = re.compile(rf"--[a-z]|\balcore [a-z]|\bpip |{SHELL.pattern}")
SQL = re.compile(r"\b(?:SELECT|PRAGMA|CREATE TABLE|INSERT INTO|CAST\()")
FIELD = re.compile(r"\{\w+(?:!r)?\}")  # of a text that is filled later
# Texts with such a place that are no remedies: shapes, formulas and options in what was expected.
NO_CODE = re.compile(
    r"shape \([^)]*\)|\([NMJk](?:, [^)]*)*\)|\(n, |\(cells,\) -> float|\{\}\[\{\}|losses\[\{\}\]|q\[\{\}\]|predicted\[\{\}, \{\}\]|"
    r"files\[[^\]]*\]|rows\[(?:0|\{\})\]|predictions\[\{\}\]|\bexpected [A-Za-z_]*=|\bBALD\(\)(?=, got)|"
    r"select\(predictions, k, \*, rng=None, \*\*options\)"
)
NOT_RUN = {
    "pip install": "a test installs nothing",
    "In PyTorch: x.detach().cpu()": "needs a GPU; docs/errors.md runs it on a tensor that requires a gradient",
    "Use more seeds: seeds=20": "a sentence of the summary, which tests/bench/test_summary.py reads",
    "alcore.bench.tempered(predictions": "a sentence of the summary; tests/bench/test_temperature_scaling.py runs it",
    "Then pass dask.array.from_zarr(": "needs a cluster; tests/cluster/test_failures.py runs it",
    "such as {'model': alcore.bench.calibration(...)}": "an example with a gap",
    "x.float() in PyTorch": "needs three frameworks; docs/errors_of_files.md runs the one of PyTorch",
}


@dataclass(frozen=True)
class Case:
    """One refusal and one remedy of its text.

    Attributes:
        call: an expression that is refused.
        remedy: code that the refusal prints, word for word.
        use: an expression with the remedy in place of {}.
        equals: what the definition gives.
        given: more names for the expressions, such as the x of x.filled(value).
    """

    call: str
    remedy: str
    use: str
    equals: str
    given: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """A text of the source with code in it. ``pattern`` finds it in a message, where values stand in its fields."""

    file: str
    words: str
    pattern: re.Pattern[str]


def texts(folders: tuple[str, ...] = FOLDERS, *, code: re.Pattern[str] = CODE) -> list[Text]:
    """Every text with code, or with commands, that functions of these folders may print."""
    return texts_of(
        (path for folder in folders for path in sorted((ROOT / "alcore" / folder).rglob("*.py"))), code=code
    )


def texts_of(files: Iterable[Path], *, code: re.Pattern[str] = CODE) -> list[Text]:
    """Every text with code, or with commands, in these files of the source."""
    found = []
    for path in files:
        for parts in _strings(ast.parse(path.read_text())):
            words = "{}".join(parts)
            if " " in words.strip() and code.search(NO_CODE.sub("", words)) and not SQL.search(words):
                pattern = "(?s:.*?)".join(map(re.escape, parts))
                found.append(Text(str(path.relative_to(ROOT)), words, re.compile(pattern)))
    return found


def _strings(tree: ast.AST) -> Iterator[list[str]]:
    """The texts of a module without its docstrings and representations, cut at their fields."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.FunctionDef) and node.name == "__repr__":
            skipped |= set(map(id, ast.walk(node)))
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
        if isinstance(node, ast.keyword) and node.arg == "help":
            skipped |= set(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            yield _cut(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield FIELD.split(node.value)


def _cut(text: ast.JoinedStr) -> list[str]:
    parts = [""]
    for part in text.values:
        if isinstance(part, ast.Constant):
            parts[-1] += str(part.value)
        else:
            parts.append("")
    return parts

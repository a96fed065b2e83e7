"""Every remedy of a ledger's error is a command line where the command line prints it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import alcore.ledger
from alcore import Ledger
from alcore.cli.remedies import as_commands
from tests.cli.ledger_commands import NAMES, done, make_folder, run

FOLDER = Path(alcore.ledger.__file__).parent
PYTHON = re.compile(
    r"\b(?:ledger|Ledger|query)\.[a-z_]+\(?|\b[a-z_]+=(?:True|False|None|\[|'|\d)|\b[a-z_.]+\((?!s\))|\{id: "
)
# Errors that no command meets: those of arguments that commands do not pass, and of ledgers in memory.
ELSEWHERE = (
    "Write Ledger(size=N)",
    "Pass ids=[",
    "pass size=N",
    "expected size=",
    "the number of names in ids",
    "this process was forked",
    "this process writes to it",
    "as this call writes to it",
    "it belongs to the process that made it",
    "got the string",
    "A sequence needs the Query",
    "dict(zip(ids, labels))",
    "a pandas Series",
    "To label only some of them",
    "{str(key): value",
    "Begin a new ledger of the free ids",
    "One class: labels=[",
    "what this ledger was made with",
    "By its name: alcore.heuristic",
    "in the order of the ledger, but row",
    "A label must not be learned twice",
    "For one id pass",
)


def texts() -> Iterator[tuple[str, str]]:
    """(file, text) of all errors of the ledger, with 3 in place of what is filled in."""
    for path in sorted(FOLDER.glob("*.py")):
        tree = ast.parse(path.read_text())
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "3" for part in node.values]
                yield path.name, "".join(map(str, parts))
            elif (
                isinstance(node, ast.Constant) and isinstance(node.value, str) and {id(node)}.isdisjoint(docs | inside)
            ):
                yield path.name, re.sub(r"\{\w+(!r)?\}", "3", node.value)


def test_no_remedy_names_python() -> None:
    said = re.compile(r"[a-z]{2}\. \S|: expected")
    found = [(name, text) for name, text in texts() if said.search(text) and not re.search("SELECT|CREATE", text)]
    assert len(found) > 30
    calls = [text for _, text in found if PYTHON.search(text)]
    assert len(calls) > 10
    for name, text in found:
        if not any(part in text for part in ELSEWHERE):
            shown = as_commands(text, Path("run.db"))
            assert not PYTHON.search(shown), f"{name}: {shown}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("See ledger.history(['a b']).", "See alcore ledger history 'my run.db' 'a b'."),
        ("See ledger.history(['-x', \"it's\"]).", "See alcore ledger history 'my run.db' -- -x 'it'\"'\"'s'."),
        ("Restore it first: ledger.restore([3]).", "Restore it first: alcore ledger restore 'my run.db' 3."),
        ("To replace the label: overwrite=True.", "To replace the label: --overwrite."),
        ("Write asker='ann'.", "Write --asker ann."),
        ("See ledger.history(['a  b']).", "See alcore ledger history 'my run.db' 'a  b'."),
        ("See ledger.history(['a\\nb']).", "See alcore ledger history 'my run.db' IDS."),
        ("See ledger.identity.", "See ledger.identity."),
        ("such as classes=['a b', 3, True].", "such as --classes 'a b,3,true'."),
        ("such as classes=['it]s', ...].", "such as --classes 'it]s,OTHERS'."),
        ("such as classes=['a,b', 'c'].", "such as --classes LABELS."),
        ("such as classes=['3', 'c'].", "such as --classes LABELS."),
    ],
)
def test_a_call_becomes_its_command(text: str, said: str) -> None:
    assert as_commands(text, Path("my run.db")) == said


def test_remedies_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path, monkeypatch)
    name = "a  picture's [name].png"
    with Ledger.open("my run.db", ids=[*NAMES, name]) as ledger:
        ledger.set_aside([name])
    Path("a.csv").write_text(f"id,label\n{name},cat\n")
    said = run("import", "my run.db", "a.csv").stderr
    remedy = re.search(r"Restore it first: alcore ledger (.*)\.\n", said)
    assert remedy is not None, said
    assert done(*shlex.split(remedy[1])) == "1 id is free again\n"
    assert done("import", "my run.db", "a.csv").startswith("1 labels recorded")

"""Remedies that change files: a ledger's refusals and those of commands. A scene raises one, and what it prints is run as printed.

`tests.remedies` has the remedies that are values of an array. Here the definition is what the ledger holds afterwards: each label
by its id, and nothing lost. A remedy is Python, a command line of alcore, or a command that a shell runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# What no test runs, with the reason. The words are those of the source.
NOT_RUN = {
    "pip install": "a test installs nothing",
    "--label-studio": "needs a server of Label Studio",
    "--project": "needs a server of Label Studio",
    "or name a file with a column {}: --data-from": "needs a server of Label Studio; tests/ledger/sync_scenarios.py plays one back",
    "dataset.records.to_json": "needs Argilla",
}


@dataclass(frozen=True)
class Scene:
    """One refusal and one remedy of its text. All code is Python; what it can name is in `tests.remedy_stage`.

    Attributes:
        before: statements that make files and the ledger. It is called ``ledger``, and a file of a command is ``path``.
        refused: a statement that is refused, or a command that prints a note.
        remedy: what is printed, word for word. {here} is the folder.
        after: statements with the remedy in place of <>. A command or a shell gets it as the name ``remedy``.
        holds: {id: label}, what the ledger holds in the end.
        also: what is true in the end as well.
        gaps: what the reader fills in, such as FILE.
        bound: True to run it as a user whom permissions bind, as they do not bind root.
    """

    before: str
    refused: str
    remedy: str
    after: str
    holds: Mapping[Any, Any] | None = None
    also: str = "True"
    gaps: Mapping[str, str] = field(default_factory=dict)
    bound: bool = False

    def __str__(self) -> str:
        return f"{self.refused} | {self.remedy}"

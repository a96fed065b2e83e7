"""A ledger whose file may not grow, or whose disk is full."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import alcore
from alcore import Ledger, LedgerError
from tests.ledger.campaign_loop import K
from tests.ledger.children import Child, Send


def full(folder: Path, limit: int) -> dict[str, Any]:
    """No file may grow beyond ``limit`` bytes until a call is refused; then there is room, and the ledger goes on."""
    path = folder / "run.db"

    def fill(send: Send) -> None:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        refusal = fill_up(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        send({**refusal, **label_all(path)})

    return dict(Child(fill).wait()[1][0])


def fill_up(path: Path) -> dict[str, Any]:
    """Until it is refused: the refusal, and whether the ledger held the same after it as before."""
    try:
        ledger = Ledger.open(path, 400)
    except LedgerError as error:
        return {"refused": str(error), "told": 0, "same": _size(path) == 0}
    labelled, before = 0, ledger.counts()
    try:
        while True:
            query = ledger.ask(alcore.Random(), None, K, rng=0)
            before = ledger.counts()
            ledger.tell(query, [f"{one} " * 100 for one in query.ids.tolist()])
            labelled, before = labelled + len(query), ledger.counts()
    except LedgerError as error:
        same = ledger.counts() == before and before["labelled"] == labelled
        try:
            ledger.close()
        except LedgerError:
            same = False
        return {"refused": str(error), "told": labelled, "same": same}


def label_all(path: Path) -> dict[str, Any]:
    with Ledger.open(path, 400) as ledger:
        kept = {"kept": ledger.counts()["labelled"]}
        while len(query := ledger.ask(alcore.Random(), None, 50, rng=0)):
            ledger.tell(query, [f"{one} " * 100 for one in query.ids.tolist()])
        right = all(
            label == f"{one} " * 100 for one, label in zip(ledger.labelled.tolist(), ledger.labels, strict=True)
        )
        return {**kept, "right": right, "end": ledger.counts()["labelled"]}


def small_disk(folder: Path) -> dict[str, Any]:
    """A ledger on a small file system is filled until the disk is full; then another file there is removed."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(150_000))
    refusal = fill_up(folder / "run.db")
    ballast.unlink()
    return refusal | {"more": len(_ask_once_more(folder / "run.db"))}


def _ask_once_more(path: Path) -> Any:
    with Ledger.open(path) as ledger:
        for query in ledger.open_queries():
            ledger.tell(query, [0] * len(query))
        return ledger.label_randomly(3, rng=0, labels=lambda ids: [0] * len(ids))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

"""Files that the ledger writes: none that is there is replaced unasked, also one that somebody makes meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alcore import Ledger, LedgerError
from tests.ledger.examples import SUFFIXES, campaign

Write = Callable[..., Any]
NAMES = [f"a.{suffix}" for suffix in (*SUFFIXES, "json")]


def writes(ledger: Ledger) -> dict[str, Write]:
    return {"export": ledger.export, "query": ledger.open_queries()[0].export}


@pytest.mark.parametrize("what", ["export", "query"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_there_is_replaced_only_when_said(what: str, name: str, tmp_path: Path) -> None:
    path, ledger = tmp_path / name, campaign(False)
    write = writes(ledger)[what]
    write(path)
    once = path.read_bytes()
    write(path)  # what would be written is there
    typed = once + b" "
    path.write_bytes(typed)
    with pytest.raises(LedgerError, match=f"{name}: this file exists already, with .*overwrite=True") as caught:
        write(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == typed
    write(path.with_name(f"new-{name}"))  # the remedies
    write(path, overwrite=True)
    assert path.read_bytes() == path.with_name(f"new-{name}").read_bytes() == once
    with pytest.raises(TypeError, match="overwrite"):
        write(path, overwrite=1)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_was_typed_is_recorded_by_the_call_that_is_named(tmp_path: Path) -> None:
    path, ledger = tmp_path / "labels.csv", Ledger(3)
    ledger.export(path)
    path.write_text(path.read_text().replace("1,unlabelled,,", "1,unlabelled,cat,"))
    said = (
        f"with 3 rows, 1 of them with a label.*Record them: ledger.import_file\\('{path}'\\) \\(alcore ledger import\\)"
    )
    with pytest.raises(LedgerError, match=said):
        ledger.export(path)
    ledger.import_file(path)
    assert ledger.labels == ["cat"]


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "none"])
@pytest.mark.parametrize("what", ["export", "query", "backup"])
def test_a_file_that_appears_meanwhile_stays(
    what: str, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody makes it after it was looked for, and before it would get its name."""
    path, ledger = tmp_path / "a.csv", campaign(False)
    sync, made = os.fsync, [path]

    def meanwhile(handle: int) -> None:
        sync(handle)
        if made:
            made.pop().write_text("typed")

    def no_links(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fsync", meanwhile)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    write = (writes(ledger) | {"backup": ledger.backup})[what]
    with pytest.raises(LedgerError, match="a.csv: this file exists"):
        write(path)
    assert path.read_text() == "typed"
    assert list(tmp_path.iterdir()) == [path]
    write(tmp_path / "b.csv")  # the remedy
    assert (tmp_path / "b.csv").stat().st_nlink == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_without_a_file_is_no_new_file(tmp_path: Path) -> None:
    path, ledger = tmp_path / "a.csv", campaign(False)
    path.symlink_to(tmp_path / "none.csv")
    for write in (ledger.export, ledger.backup):
        with pytest.raises(LedgerError, match="a link without a file|this file exists"):
            write(path)
    assert path.is_symlink()
    assert not path.exists()

"""The names of a ledger, many at once: the same as one by one, whatever they hold, and whoever adds more of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.ledger import ids, names
from tests.ledger.hostile_names import NAMES

pytestmark = pytest.mark.interpreted
texts = st.lists(st.text(st.characters(codec="utf-8"), max_size=3), unique=True, max_size=40)
PLAIN = [f"row {number}" for number in range(23)]


@pytest.fixture(autouse=True, scope="module")
def few() -> Any:
    """Four ids are many, and five of them a text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "MANY", 3)
        patch.setattr(names, "CHUNK", 5)
        yield


def looked_up(ledger: alcore.Ledger, wanted: Any) -> list[int]:
    with ledger._database.reading() as connection:
        return ids.positions_of(connection, wanted, ledger._pool.names).tolist()


@given(texts, st.data())
def test_many_names_are_what_they_are_one_by_one(given: list[str], data: st.DataObject) -> None:
    ledger = alcore.Ledger(ids=given)
    taken = data.draw(st.lists(st.integers(0, max(len(given) - 1, 0)), unique=True, max_size=len(given)))
    if taken:
        ledger.set_aside([given[row] for row in taken])
    for _ in range(2):  # read, and kept
        assert ledger.ids.tolist() == given
        assert ledger.pool.tolist() == [name for row, name in enumerate(given) if row not in taken]
        assert ledger.aside.tolist() == [given[row] for row in sorted(taken)]
    assert ledger.pool.dtype == object


@given(texts, st.data())
def test_positions_of_many_names_in_any_order(given: list[str], data: st.DataObject) -> None:
    ledger = alcore.Ledger(ids=given)
    shuffled = data.draw(st.permutations(range(len(given))))
    for read in (False, True):
        if read:
            assert ledger.ids.tolist() == given
        for rows in (sorted(shuffled[::2]), shuffled, [*range(len(given))]):
            assert looked_up(ledger, [given[row] for row in rows]) == list(rows)


@pytest.mark.parametrize("read", [False, True])
def test_hostile_names_keep_their_positions(read: bool) -> None:
    ledger = alcore.Ledger(ids=[*PLAIN, *NAMES, "a\0b", "a", ""])
    every = [*PLAIN, *NAMES, "a\0b", "a", ""]
    assert not read or ledger.ids.tolist() == every
    assert looked_up(ledger, every) == [*range(len(every))]
    assert looked_up(ledger, every[::-1]) == [*range(len(every))][::-1]
    plain = alcore.Ledger(ids=PLAIN)
    assert not read or plain.ids.tolist() == PLAIN
    for wrong in ("row 1\nrow 2", "row", "ow 1", "", "a\0b"):
        with pytest.raises(alcore.LedgerError, match="which it does not have"):
            looked_up(plain, [*PLAIN[:4], wrong])
    for twice in ([*PLAIN[:5], PLAIN[4]], [*PLAIN, PLAIN[0]]):
        with pytest.raises(alcore.LedgerError, match="is there twice"):
            looked_up(plain, twice)


def test_names_that_others_add_are_seen(tmp_path: Path) -> None:
    with alcore.Ledger.open(tmp_path / "run.db", ids=PLAIN) as ledger:
        reader = alcore.Ledger.open(tmp_path / "run.db", readonly=True)
        for more in (["x"], ["y1", "y2", "y3", "y4"], [f"z{number}" for number in range(9)]):
            every = [*ledger.ids.tolist(), *more]
            with alcore.Ledger.open(tmp_path / "run.db") as other:
                assert other.ids.tolist() == every[: -len(more)]
                other.add(more)
            for one in (ledger, reader):
                assert one.ids.tolist() == one.pool.tolist() == every
                assert looked_up(one, every[::2]) == [*range(0, len(every), 2)]
                assert looked_up(one, every[:-1]) == [*range(len(every) - 1)]


def test_an_add_that_fails_leaves_no_names(tmp_path: Path) -> None:
    with alcore.Ledger.open(tmp_path / "run.db", ids=PLAIN) as ledger:
        assert ledger.ids.tolist() == PLAIN
        with pytest.raises(alcore.LedgerError, match="has 'row 3' already"):
            ledger.add(["new", "row 3"])
        assert ledger.ids.tolist() == PLAIN
        ledger.add(["newer"])
        assert ledger.ids.tolist() == [*PLAIN, "newer"]


def test_a_copy_that_went_on_differently_is_read_anew(tmp_path: Path) -> None:
    """It has the same identity. `Ledger` refuses a file of another."""
    here, there = tmp_path / "run.db", tmp_path / "other.db"
    alcore.Ledger.open(here, ids=PLAIN).close()
    shutil.copy(here, there)
    with alcore.Ledger.open(there) as ledger:
        ledger.add(["there"])
        every = ledger.ids.tolist()
    with alcore.Ledger.open(here) as ledger:
        ledger.add(["here"])
    reader = alcore.Ledger.open(here, readonly=True)
    assert reader.ids.tolist() == [*PLAIN, "here"]
    there.replace(here)
    assert reader.ids.tolist() == every
    assert looked_up(reader, every[2:]) == [*range(2, len(every))]


def test_names_that_are_missing_from_the_file_are_refused(tmp_path: Path) -> None:
    import sqlite3

    alcore.Ledger.open(tmp_path / "run.db", ids=PLAIN).close()
    with sqlite3.connect(tmp_path / "run.db") as connection:
        connection.execute("DELETE FROM names WHERE position = 7")
    connection.close()
    with alcore.Ledger.open(tmp_path / "run.db") as ledger, pytest.raises(alcore.LedgerError, match="5 names expected"):
        np.asarray(ledger.ids)


def test_ask_among_many_names_of_the_pool() -> None:
    ledger = alcore.Ledger(ids=PLAIN)
    ledger.label({"row 4": 0})
    among = ledger.pool[::2]
    query = ledger.ask(alcore.Precomputed(np.arange(len(among))), None, 3, ids=among)
    assert query.ids.tolist() == among[::-1][:3].tolist()

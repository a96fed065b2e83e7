"""A ledger that is only read: all that reads works, all that writes is refused, and others may write meanwhile."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import alcore
from alcore import Ledger, LedgerError
from alcore.ledger.sync.sync import Sync
from tests.conftest import soak
from tests.ledger.children import Child, Send
from tests.ledger.examples import PROBS, campaign
from tests.ledger.read_only_places import FORMAT_1, contents, make, other_process, read

# --- what can be called -----------------------------------------------------------------------------------------------


def test_everything_that_reads_works_and_writes_nothing(tmp_path: Path) -> None:
    campaign(True).backup(tmp_path / "run.db")
    with Ledger.open(tmp_path / "run.db") as ledger:
        expected = everything(ledger, tmp_path / "a")
    (tmp_path / "files").mkdir()
    shutil.copy(tmp_path / "run.db", tmp_path / "files" / "run.db")
    before = contents(tmp_path / "files")
    with Ledger.open(tmp_path / "files" / "run.db", readonly=True) as ledger:
        assert everything(ledger, tmp_path / "b") == expected
        assert ledger.readonly
        ledger.backup(tmp_path / "copy.db")
    assert contents(tmp_path / "files") == before
    with Ledger.open(tmp_path / "copy.db") as ledger:
        assert everything(ledger, tmp_path / "c") == expected
        assert not ledger.readonly


def everything(ledger: Ledger, folder: Path) -> list[Any]:
    folder.mkdir()
    rows = ledger.export(folder / "all.jsonl")
    queries = [(one.number, one.ids.tolist(), one.q.tolist(), one.asker) for one in ledger.open_queries()]
    for query in ledger.open_queries():
        query.export(folder / f"{query.number}.csv")
    ids = [ledger.ids, ledger.pool, ledger.labelled, ledger.asked, ledger.aside, ledger.sample_pool(3, rng=0)]
    return [
        *(one.tolist() for one in ids),
        ledger.labels,
        ledger.labels_of(ledger.labelled),
        ledger.counts(),
        ledger.count_labels(),
        ledger.history(ledger.labelled),
        ledger.identity,
        ledger.label_type,
        len(ledger),
        rows,
        queries,
        {one.name: one.read_bytes() for one in folder.iterdir()},
        ledger.empty().ids.tolist(),
    ]


WRITES: dict[str, Callable[[Ledger], Any]] = {
    "ask": lambda ledger: ledger.ask(alcore.BALD(), PROBS, 3, asker="new"),
    "tell": lambda ledger: ledger.tell(1, {0: "cat"}),
    "label": lambda ledger: ledger.label({0: "cat"}),
    "label_randomly": lambda ledger: ledger.label_randomly(2, rng=0),
    "withdraw": lambda ledger: ledger.withdraw(1),
    "unlabel": lambda ledger: ledger.unlabel([0]),
    "set_aside": lambda ledger: ledger.set_aside([0]),
    "restore": lambda ledger: ledger.restore([0]),
    "add": lambda ledger: ledger.add(3),
    "write_note": lambda ledger: ledger.write_note("x", step=0),
    "import_file": lambda ledger: ledger.import_file(Path("labels.csv")),
    "tell_file": lambda ledger: ledger.tell_file(Path("labels.csv")),
    "sync": lambda ledger: Sync(ledger, None),  # type: ignore[arg-type]
    "loop": lambda ledger: alcore.ActiveLearning(
        ledger=ledger, train=list, predict=list, heuristic=alcore.BALD(), oracle=alcore.Wait()
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_everything_that_writes_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("id,label\n5,cat\n")
    Ledger.open("run.db", 40).close()
    before = contents(tmp_path)
    with Ledger.open("run.db", readonly=True) as ledger:
        with pytest.raises(
            LedgerError, match=r"opened with readonly=True.* Open it to write: Ledger.open\(path\)\."
        ) as caught:
            WRITES[name](ledger)
        assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before
    with Ledger.open("run.db") as ledger:  # the remedy
        ledger.label({0: "cat"})


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with pytest.raises(LedgerError, match="no such ledger"):
        Ledger.open(path, 100, readonly=True)
    for content, said in [
        (b"", "no such ledger"),
        (b"id,label\n", "not an SQLite file"),
        (FORMAT_1.read_bytes()[:-9], "truncated"),
    ]:
        path.write_bytes(content)
        before = contents(tmp_path)
        with pytest.raises(LedgerError, match=said):
            Ledger.open(path, readonly=True)
        assert contents(tmp_path) == before
    with pytest.raises(TypeError, match="readonly"):
        Ledger.open(path, readonly=1)  # type: ignore[arg-type]
    path.unlink()
    Ledger.open(path, 100).close()
    with pytest.raises(LedgerError, match="expected size=100"):
        Ledger.open(path, 50, readonly=True)
    ledger = Ledger.open(path, 100, readonly=True)
    ledger.close()
    with pytest.raises(LedgerError, match="this ledger is closed"):
        ledger.counts()


# --- beside those who write -------------------------------------------------------------------------------------------


def test_beside_another_process_every_commit_is_seen(tmp_path: Path) -> None:
    """The index and the log stay as the other process left them, and it closes as if nobody had read."""
    path = tmp_path / "run.db"
    with other_process(path) as label:
        label(0)
        with Ledger.open(path, readonly=True) as one, Ledger.open(path, readonly=True) as two:
            for last in range(5):
                label(last)
                before = contents(tmp_path)
                assert len(before) == 4  # the file, its log, the index and the folder
                assert one.labelled.tolist() == two.labelled.tolist() == list(range(last + 1))
                assert one.counts()["labelled"] == last + 1
                assert contents(tmp_path) == before


def test_others_come_and_go_while_a_reader_is_open(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    Ledger.open(path, 100).close()
    with Ledger.open(path, readonly=True) as reader:
        with other_process(path) as label:
            label(1)
            assert reader.labelled.tolist() == [1]
        assert [one.name for one in tmp_path.iterdir()] == ["run.db"]  # it could close the file as the last one
        assert reader.labelled.tolist() == [1]
        with Ledger.open(path) as writer:  # the same process opens it after it was read
            writer.label({2: "cat"})
            assert reader.labelled.tolist() == [1, 2]
            assert Child(lambda send: send(reader.labelled.tolist())).wait() == (False, [[1, 2]])
            assert reader.labelled.tolist() == [1, 2]  # the fork closed the writer's connection
            writer.label({3: "cat"})
            assert reader.labelled.tolist() == [1, 2, 3]
        assert reader.labelled.tolist() == [1, 2, 3]
        assert [one.name for one in tmp_path.iterdir()] == ["run.db"]


def test_a_writer_of_this_process_keeps_its_locks(tmp_path: Path) -> None:
    """A file that is opened and closed by other means would drop SQLite's locks: another process could then delete the log."""
    path = tmp_path / "run.db"
    with Ledger.open(path, 100) as writer, Ledger.open(path, readonly=True) as reader:
        writer.label({1: "cat"})
        assert reader.labelled.tolist() == [1]

        def work(send: Send) -> None:
            with Ledger.open(path) as other:
                other.label({2: "dog"})
            send("closed")

        assert Child(work).wait() == (False, ["closed"])
        writer.label({3: "cat"})
        assert reader.labelled.tolist() == [1, 2, 3]
    assert read(path) == [1, 2, 3]


def test_a_file_that_is_written_while_it_is_read_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    Ledger.open(path, 100).close()

    def work(send: Send) -> None:
        with Ledger.open(path) as ledger:
            ledger.label({7: "cat"})

    with Ledger.open(path, readonly=True) as ledger:
        with (
            pytest.raises(LedgerError, match="another process wrote to the file while it was read.*Try again"),
            ledger._database.reading(),
        ):
            assert Child(work).wait() == (False, [])
        assert ledger.labelled.tolist() == [7]  # the remedy


def read_again(path: Path) -> list[int]:
    """The remedy of the only refusal that others may cause."""
    while True:
        try:
            return read(path)
        except LedgerError as error:
            if "while it was read. Nothing was changed by reading. Try again." not in str(error):
                raise


def test_readers_beside_writers_that_are_killed(tmp_path: Path) -> None:
    """A reader sees whole transactions, and never less than before. Nothing that was acknowledged is lost."""
    path, ids = tmp_path / "run.db", 2000
    Ledger.open(path, ids).close()
    told: set[int] = set()

    def write(send: Send) -> None:
        for one in random.Random(len(told)).sample(range(ids // 2), ids // 2):
            with Ledger.open(path) as ledger:
                ledger.label({one: "both", one + ids // 2: "both"})
                send(one)

    def look(send: Send) -> None:
        seen: set[int] = set()
        while not (tmp_path / "end").exists():
            found = set(read_again(path))
            assert seen <= found
            assert {one + ids // 2 for one in found if one < ids // 2} == {one for one in found if one >= ids // 2}
            seen = found
        send(len(seen))

    readers = [Child(look), Child(look)]
    for _ in range(soak(8, 200)):
        writer = Child(write)
        told.add(writer.receive())
        writer.kill()
        told.update(writer.wait()[1])
    (tmp_path / "end").touch()
    for reader in readers:
        assert reader.wait()[1]
    assert told <= set(read(path))
    with Ledger.open(path) as ledger:
        assert told <= set(ledger.labelled.tolist())


def test_threads_read_and_a_writer_opens_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    Ledger.open(path, 1000).close()
    errors: list[BaseException] = []

    def look() -> None:
        try:
            with Ledger.open(path, readonly=True) as ledger:
                seen = 0
                for _ in range(30):
                    assert seen <= (seen := ledger.counts()["labelled"])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for one in range(20):
        with Ledger.open(path) as ledger:
            ledger.label({one: "cat"})
    for thread in threads:
        thread.join()
    assert not errors
    assert read(path) == list(range(20))


# --- forks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["closed", "killed", "without index"])
def test_a_fork_reads_on_both_sides(state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves no copy behind, and leaves the parent's alone."""
    path, temporary = tmp_path / "run.db", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    make(state, path)
    with Ledger.open(path, readonly=True) as ledger:
        assert ledger.labelled.tolist() == [1, 2]
        with ledger._database.reading() as connection:  # also in the middle of a call
            child = Child(lambda send: send(ledger.labelled.tolist()))
            assert child.wait() == (False, [[1, 2]])
            assert connection.execute("SELECT count(*) FROM items").fetchone() == (2,)
        assert Child(lambda send: send(ledger.labelled.tolist())).wait() == (False, [[1, 2]])
        assert ledger.labelled.tolist() == [1, 2]
    assert read(path) == [1, 2]
    assert not list(temporary.iterdir())

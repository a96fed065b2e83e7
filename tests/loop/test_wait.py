"""A loop whose labels people give by other ways: it waits for them, and goes on to the end of a loop with a function."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import alcore
from alcore import Ledger, LedgerError, Wait
from alcore.loop import wait as wait_module
from alcore.stopping import LabelBudget
from tests.loop.runs import TRUTH, N, make

POLL = 0.01
PATIENCE = 120.0  # seconds. A loop that waits longer for a label ends, and its test fails


@contextmanager
def people(path: Path, answer: Any) -> Iterator[list[int]]:
    """Somebody with a connection of their own, who answers open queries until the block ends. Gives the numbers of the queries."""
    stop, numbers = threading.Event(), list[int]()

    def work() -> None:
        with Ledger.open(path) as ledger:
            while not stop.wait(POLL):
                for query in ledger.open_queries():
                    if query.number not in numbers:
                        numbers.append(query.number)
                    answer(ledger, query)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield numbers
    finally:
        stop.set()
        thread.join()


def while_it_waits(monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> None:
    """Let another thread work to its end in place of each sleep of the loop."""

    def sleep(_: float) -> None:
        errors: list[BaseException] = []

        def run() -> None:
            try:
                work()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the loop holds a lock"
        if errors:
            raise errors[0]

    monkeypatch.setattr(wait_module, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))


def tell_one(ledger: Ledger, query: alcore.Query) -> None:
    ledger.tell(query, {int(query.ids[0]): int(TRUTH[query.ids[0]])}, annotator="ann")


def expected_end() -> Any:
    whole = make()
    whole.run()
    return whole.ledger.labelled.tolist(), whole.ledger.notes()


def test_labels_of_another_connection_carry_the_loop(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "run.db", N) as ledger:
        with people(tmp_path / "run.db", tell_one) as numbers:
            steps = list(make(ledger, oracle=Wait(poll=POLL, timeout=PATIENCE)))
        assert [step.stopped for step in steps][-1] == "14 labels bought of a budget of 14"
        assert (ledger.labelled.tolist(), ledger.notes()) == expected_end()
        assert numbers == [1, 2, 3, 4, 5]
        assert ledger.count_labels("annotator") == [("ann", 20)]


def test_labels_of_another_thread_carry_a_ledger_in_memory() -> None:
    ledger, stop = Ledger(N), threading.Event()

    def work() -> None:
        while not stop.wait(POLL):
            for query in ledger.open_queries():
                ledger.tell(query, TRUTH[query.ids])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        make(ledger, oracle=Wait(poll=POLL, timeout=PATIENCE)).run()
    finally:
        stop.set()
        thread.join()
    assert (ledger.labelled.tolist(), ledger.notes()) == expected_end()


def test_each_query_has_a_file_that_is_written_once(tmp_path: Path) -> None:
    def fill(ledger: Ledger, query: alcore.Query) -> None:
        file = tmp_path / f"todo-{query.number}.csv"
        if file.exists():
            lines = file.read_text().splitlines()
            rows = [line.split(",") for line in lines[1:]]
            cells = [",".join([row[0], str(TRUTH[int(row[0])]), *row[2:]]) for row in rows]
            file.write_text("\n".join([lines[0], *cells]) + "\n")
            ledger.tell_file(file)

    oracle = Wait(poll=POLL, export=tmp_path / "todo.csv", timeout=PATIENCE)
    with Ledger.open(tmp_path / "run.db", N) as ledger:
        with people(tmp_path / "run.db", fill):
            make(ledger, oracle=oracle).run()
        assert (ledger.labelled.tolist(), ledger.notes()) == expected_end()
        assert sorted(path.name for path in tmp_path.glob("*.csv")) == [f"todo-{i}.csv" for i in range(1, 6)]


def test_typed_labels_stay_and_files_of_others_are_refused(tmp_path: Path) -> None:
    oracle = Wait(poll=POLL, export=tmp_path / "todo.csv", timeout=0.0)
    ledger, file = Ledger(N), tmp_path / "todo-1.csv"
    assert list(make(ledger, oracle=oracle)) == []
    typed = file.read_text().replace(",,,", ",1,ann,", 1)
    for text in (typed, "id;label\n", "half a"):
        file.write_text(text)
        assert list(make(ledger, oracle=oracle)) == []
        assert file.read_text() == text
    file.unlink()
    ledger.tell(1, {int(ledger.asked[0]): 1})
    assert list(make(ledger, oracle=oracle)) == []
    assert len(file.read_text().splitlines()) == 6  # what is still missing
    before = file.read_bytes()
    with pytest.raises(
        LedgerError, match=r"todo-1\.csv: expected the file of query 1 of this ledger, but the file is another one"
    ):
        list(make(Ledger(N), oracle=oracle))  # a query of the same number and the same ids
    assert file.read_bytes() == before


def test_files_of_tasks_show_items(tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    items.write_text("id,text\n" + "".join(f"{one},of {one}\n" for one in range(N)))
    templates = {"title": "{id}: {text}"}
    oracle = Wait(poll=POLL, export=tmp_path / "a.json", data=templates, data_from=items, timeout=0.0)
    assert list(make(Ledger(N), oracle=oracle)) == []
    tasks = json.loads((tmp_path / "a-1.json").read_text())
    assert tasks
    assert all(task["data"]["title"] == f"{task['data']['id']}: of {task['data']['id']}" for task in tasks)


def test_a_timeout_ends_the_iteration_and_a_new_one_goes_on(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "run.db", N) as ledger:
        began = time.monotonic()
        assert list(make(ledger, oracle=Wait(poll=600.0, timeout=0.05))) == []
        assert 0.05 <= time.monotonic() - began < 300.0
        (query,) = ledger.open_queries()
        with people(tmp_path / "run.db", tell_one) as numbers:
            make(ledger, oracle=Wait(poll=POLL, timeout=PATIENCE)).run()
        assert numbers[0] == query.number
        assert (ledger.labelled.tolist(), ledger.notes()) == expected_end()


def test_no_lock_is_held_while_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for another thread with this ledger, nor for another connection that waits for nobody."""
    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger, Ledger.open(path, timeout=0) as other:

        def work() -> None:
            ledger.write_note("here", step=0, asker="somebody")
            (query,) = other.open_queries()
            tell_one(other, query)
            other.write_note("there", step=0, asker="somebody")

        while_it_waits(monkeypatch, work)
        steps = list(make(ledger, oracle=Wait()))
        assert [step.stopped for step in steps][-1] == "14 labels bought of a budget of 14"


def test_ids_that_are_set_aside_or_withdrawn_are_not_waited_for(tmp_path: Path) -> None:
    def answer(ledger: Ledger, query: alcore.Query) -> None:
        if query.number == 2:
            ledger.set_aside(query.ids[:2])
            ledger.tell(query, {int(one): int(TRUTH[one]) for one in query.ids[2:]})
        elif query.number == 3:
            ledger.withdraw(query)
        else:
            ledger.tell(query, TRUTH[query.ids])

    with Ledger.open(tmp_path / "run.db", N) as ledger, people(tmp_path / "run.db", answer):
        steps = list(make(ledger, oracle=Wait(poll=POLL, timeout=PATIENCE)))
        assert ledger.counts() == {"unlabelled": N - 16, "asked": 0, "labelled": 14, "aside": 2}
        assert [step.past.labelled for step in steps] == [6, 8, 8, 12, 14]


def test_it_says_how_many_labels_are_missing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait_module, "QUIET", 0.0)
    given: dict[str, Any] = {"stop": LabelBudget(1), "start": 2, "k": 1, "progress": True}
    with Ledger.open(tmp_path / "run.db", N) as ledger:
        while_it_waits(monkeypatch, lambda: tell_one(ledger, *ledger.open_queries()))
        make(ledger, oracle=Wait(export=tmp_path / "todo.csv"), **given).run()
    said = capfd.readouterr().err.splitlines()
    assert said == [
        f"query 1 (default): 2 of 2 labels are missing. The file: {tmp_path / 'todo-1.csv'}.",
        f"query 1 (default): 1 of 2 labels are missing. The file: {tmp_path / 'todo-1.csv'}.",
        f"query 2 (default): 1 of 1 labels are missing. The file: {tmp_path / 'todo-2.csv'}.",
    ]
    monkeypatch.setenv("ALCORE_PROGRESS", "0")
    make(oracle=Wait(timeout=0.0), progress=True).run()
    make(oracle=Wait(timeout=0.0), progress=False).run()
    assert capfd.readouterr().err == ""


PROGRAM = """
    import signal
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a program started in the background may ignore it
    import alcore
    from tests.loop.runs import N, make
    with alcore.Ledger.open("run.db", N) as ledger:
        make(ledger, oracle=alcore.Wait(poll=0.02, export="todo.csv"), progress=True).run()
    print("done")
"""


def start(folder: Path) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_killed_at_each_query_and_started_again_it_ends_the_same(number: signal.Signals, tmp_path: Path) -> None:
    """Labels come by `alcore ledger`, each after a kill of the waiting loop."""
    whole = make()
    whole.run()
    program = start(tmp_path)
    for query in range(1, 6):
        file = tmp_path / f"todo-{query}.csv"
        until = time.monotonic() + PATIENCE
        while not file.exists():
            assert program.poll() is None, program.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        program.send_signal(number)
        program.communicate(timeout=PATIENCE)
        assert program.returncode == -number or number == signal.SIGINT
        before = file.read_bytes()
        program = start(tmp_path)
        lines = before.decode().splitlines()
        ids = [int(line.split(",")[0]) for line in lines[1:]]
        labels = tmp_path / "labels.csv"
        for part in (ids[:1], ids):  # a part first
            labels.write_text("id,label\n" + "".join(f"{one},{TRUTH[one]}\n" for one in part))
            subprocess.run(
                [sys.executable, "-m", "alcore.cli", "ledger", "tell", "run.db", "labels.csv", "--query", str(query)],
                cwd=tmp_path,
                check=True,
                capture_output=True,
            )
        assert file.read_bytes() == before
    out, err = program.communicate(timeout=PATIENCE)
    assert (program.returncode, out) == (0, "done\n"), err
    with Ledger.open(tmp_path / "run.db") as ledger:
        assert ledger.notes() == whole.ledger.notes()
        assert ledger.labelled.tolist() == whole.ledger.labelled.tolist()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"poll": 0}, "poll: expected seconds above 0, got 0"),
        ({"poll": "often"}, "poll: expected"),
        ({"timeout": -1.0}, "timeout: expected seconds of at least 0, or None, got -1.0"),
        ({"export": "todo.txt"}, "todo.txt: expected a file that ends in .csv"),
        ({"export": "no/todo.csv"}, "export: the folder no does not exist"),
        ({"data": {"image": "x"}}, "data: it is for the file of export"),
        ({"data_from": "items.csv"}, "data_from: it is for the file of export. Name one: export='tasks.json'"),
    ],
)
def test_wrong_arguments_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        Wait(**given)

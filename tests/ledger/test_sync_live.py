"""A ledger and a real Label Studio: three annotators, a sync that is killed again and again, and what all of it costs."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import alcore
from alcore import Ledger
from tests.ledger.exchanges import TOKEN, Recording
from tests.ledger.label_studio_people import People
from tests.ledger.label_studio_server import PYTHON, label_studio
from tests.ledger.sync_processes import Annotator, SyncProcess, truth
from tests.ledger.sync_scenarios import SCENARIOS, Campaign, Scenario

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not PYTHON, reason="ALCORE_LABEL_STUDIO names no Label Studio")]
Recorder = Callable[[str, object], None]
KILLS = 20
TASKS = 1_000
POLL = 2.0
WAIT = 3600.0  # a server that is slow makes no test fail


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with label_studio(tmp_path_factory.mktemp("label_studio")) as address:
        yield address


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_what_make_test_plays_back(url: str, scenario: Scenario) -> None:
    client = Recording(url, TOKEN)
    scenario(client)
    client.write(scenario.__name__)


def test_a_personal_token_is_exchanged(url: str) -> None:
    personal = Recording(url, TOKEN).send("POST", "/api/token/", {})["token"]
    client = Recording(url, personal)
    assert client.get("/api/users/")[0]["email"] == "owner@example.org"
    client._bearer = personal.rstrip(".") + ".expired"
    assert client.get("/api/users/")[0]["email"] == "owner@example.org"


def test_nothing_is_lost_or_doubled(url: str, tmp_path: Path, record_property: Recorder) -> None:
    people, path = People(Recording(url, TOKEN), "kills"), tmp_path / "run.db"
    with Ledger.open(path, TASKS) as ledger:
        annotators = [Annotator(url, people, who, place) for place, who in enumerate(("ann", "bob", "eve"))]
        for annotator in annotators:
            annotator.start()
        for kill, start in zip(range(KILLS), itertools.count(0, TASKS // KILLS), strict=False):
            count = min(2 * TASKS // KILLS, TASKS - start)
            asker = f"asker {kill}"
            query = ledger.label_randomly(count, rng=kill, asker=asker)
            process = SyncProcess(path, url, people.project, 1.0)
            time.sleep(2.0 + 0.35 * (kill % 7))
            if kill % 5 == 3 and len(query):  # taken back, and asked again in another order
                with contextlib.suppress(alcore.LedgerError):  # all are labelled
                    ledger.withdraw(query)
            process.kill()
        ledger.label_randomly(TASKS, rng=99, asker="the rest")
        process, until = SyncProcess(path, url, people.project, 1.0), time.monotonic() + WAIT
        while ledger.counts()["labelled"] < TASKS and time.monotonic() < until:
            ledger.label_randomly(TASKS, rng=99, asker="the rest")
            time.sleep(1.0)
        for annotator in annotators:
            annotator.stop()
        time.sleep(3.0)
        process.kill()
        done = Campaign(Recording(url, TOKEN), "kills", ledger, people).round()
        assert not done.taken.problems
        given = {one: who for annotator in annotators for one, who in annotator.given.items()}
        lost = [one for one in given if one not in set(ledger.labelled.tolist())]
        wrong = [one for one, label in zip(ledger.labelled.tolist(), ledger.labels, strict=True) if label != truth(one)]
        others = [one for one in given if ledger.history(one)[-1]["annotator"] != people.email(given[one])]
        tasks = Counter(task["data"]["id"] for task in people.tasks())
        doubled = [one for one, count in tasks.items() if count > 1]
        told = Counter(
            (one, event["label"]) for one in given for event in ledger.history(one) if event["action"] == "labelled"
        )
        twice = [one for one, count in told.items() if count > 1]
    figures = {"annotators": len(annotators), "tasks": len(given), "kills": KILLS, "lost": len(lost)}
    figures |= {"wrong": len(wrong) + len(others), "doubled": len(doubled) + len(twice)}
    for name, figure in figures.items():
        record_property(name, figure)
    assert (len(given), lost, wrong, others, doubled, twice) == (TASKS, [], [], [], [], [])


def test_how_soon_labels_and_orders_arrive(url: str, tmp_path: Path, record_property: Recorder) -> None:
    people, path = People(Recording(url, TOKEN), "soon"), tmp_path / "run.db"
    with Ledger.open(path, TASKS) as ledger:
        campaign = Campaign(people.client, "soon", ledger, people)
        first = ledger.ask(alcore.Precomputed(range(TASKS)), None, TASKS)
        sync = campaign.sync()
        sync.round()
        ledger.withdraw(first)
        ledger.ask(alcore.Precomputed(range(TASKS, 0, -1)), None, TASKS)
        start = time.monotonic()
        seconds: list[float] = []
        sync.project.add_tab = lambda: seconds.append(time.monotonic() - start)  # type: ignore[method-assign]
        sync.round(patience=0.0)
        assert people.order()[:3] == [0, 1, 2]
        record_property("order_ms", int(1000 * seconds[0]))
        process, waits = SyncProcess(path, url, people.project, POLL), []
        for one in range(21):
            people.label(one, "cat")
            before = time.monotonic()
            while one not in ledger.labelled and time.monotonic() < before + WAIT:
                time.sleep(0.02)
            waits.append(time.monotonic() - before)
            time.sleep(0.37)
        process.kill()
        assert ledger.labelled.tolist() == list(range(21))
    record_property("label_ms", int(1000 * max(waits[1:])))  # without the first, for which the process had to start

"""What a ledger and a project of Label Studio go through together. Each runs against a real server or against its record."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import pytest
from typer.testing import CliRunner

import alcore
from alcore import Ledger, LedgerError
from alcore.cli import app
from alcore.ledger.label_studio import scaled
from alcore.ledger.shown import Shown
from alcore.ledger.sync.label_studio_project import Project
from alcore.ledger.sync.sync import Round, Sync
from tests.ledger.exchanges import TOKEN
from tests.ledger.label_studio_people import People

N = 12
Scenario = Callable[[Any], None]


class Campaign:
    """A ledger and the people of a project. Each round is one of a new process, which knows nothing of earlier ones."""

    def __init__(self, client: Any, name: str, ledger: Ledger | None = None, people: People | None = None) -> None:
        self.client, self.ledger = client, ledger or Ledger(N)
        client.identities.append(self.ledger.identity)
        self.people = people or People(client, name)

    def sync(self, asker: str | None = None, shown: Shown | None = None) -> Sync:
        project = Project(self.client, self.people.project)
        return Sync(self.ledger, project, asker, shown or Shown({"text": "item {id}"}))

    def round(self, asker: str | None = None) -> Round:
        return self.sync(asker).round()

    def ask(self, *best: int, asker: str = "default", top: int = N + 100) -> alcore.Query:
        """A query of these ids, the best first."""
        scores = [float(top - best.index(one)) if one in best else 0.0 for one in range(N)]
        return self.ledger.ask(alcore.Precomputed(scores), None, len(best), asker=asker)


def pushed_ordered_and_taken(client: Any) -> None:
    campaign = Campaign(client, "pushed")
    people, ledger = campaign.people, campaign.ledger
    assert campaign.round().text() == ""
    query = campaign.ask(7, 2, 9)
    assert campaign.round().text() == "3 tasks pushed"
    assert campaign.round().text() == ""
    assert people.order() == [7, 2, 9]
    assert people.next() == 7
    tasks = people.tasks()
    assert [task["predictions_score"] for task in tasks] == list(map(scaled, query.scores.tolist()))
    assert tasks[0]["meta"] == {"ledger": ledger.identity, "query": 1, "q": 1.0, "score": query.scores[0]}
    assert tasks[0]["data"] == {"id": 7, "text": "item 7", "ledger": ledger.identity}
    people.label(2, "cat", "ann")
    people.label(7, "dog", "bob")
    people.label(9, None, "bob")  # nothing chosen is no label
    assert campaign.round().text() == "2 labels taken"
    assert campaign.round().text() == ""
    assert (ledger.labelled.tolist(), ledger.labels, ledger.asked.tolist()) == ([2, 7], ["cat", "dog"], [9])
    assert [ledger.history(one)[-1]["annotator"] for one in (2, 7)] == [people.email("ann"), people.email("bob")]
    assert {event["query"] for event in ledger.history([2, 7])} == {1}


def corrected_skipped_and_deleted(client: Any) -> None:
    campaign = Campaign(client, "corrected")
    people, ledger = campaign.people, campaign.ledger
    campaign.ask(0, 1, 2, 3)
    campaign.round()
    first, skipped, deleted = people.label(0, "cat"), people.skip(1), people.label(2, "dog")
    assert campaign.round().text() == "2 labels taken, 1 ids set aside, which annotators skipped"
    assert ledger.aside.tolist() == [1]
    people.correct(first, "dog")
    people.delete(deleted)
    people.label(1, "cat", "bob")
    assert (
        campaign.round().text() == "1 labels taken, 1 labels corrected, 1 ids open again, whose annotation was deleted"
    )
    assert (ledger.labelled.tolist(), ledger.labels) == ([0, 1], ["dog", "cat"])
    assert [event["label"] for event in ledger.history(0)] == [None, "cat", "dog"]
    assert ledger.asked.tolist() == ledger.open_queries()[0].ids.tolist() == [2, 3]
    assert ledger.counts()["aside"] == 0
    people.label(2, "cat")
    people.delete(people.skip(3))
    people.delete(skipped)
    assert campaign.round().text() == "1 labels taken"
    assert campaign.round().text() == ""
    people.skip(3)
    campaign.round()
    assert ledger.aside.tolist() == [3]


def disputed(client: Any) -> None:
    campaign = Campaign(client, "disputed")
    people, ledger = campaign.people, campaign.ledger
    campaign.ask(4, 5)
    campaign.round()
    people.label(4, "cat", "ann")
    other = people.label(4, "dog", "bob")
    people.label(5, "cat", "ann")
    done = campaign.round()
    said = f"id 4: {people.email('ann')} says 'cat', {people.email('bob')} says 'dog'."
    assert done.taken.problems == [f"{said} Correct one of them, or set the ground truth in Label Studio."]
    assert done.text() == "1 labels taken"
    assert ledger.asked.tolist() == [4]
    people.change(other, ground_truth=True)
    assert campaign.round().text() == "1 labels taken"
    assert ledger.labels == ["dog", "cat"]


def ranked_anew(client: Any) -> None:
    campaign = Campaign(client, "ranked")
    people, ledger = campaign.people, campaign.ledger
    query, sync = campaign.ask(0, 1, 2, 3), campaign.sync()
    sync.round()
    people.label(3, "cat")
    people.begin(2)
    ledger.withdraw(query)
    again = campaign.ask(5, 1, 0)
    done = sync.round()
    assert done.text() == "1 labels taken, 1 tasks pushed, 2 tasks put into a new order"
    assert ledger.labels_of([3]) == ["cat"]
    assert people.order()[:3] == [5, 1, 0]
    assert people.next() == 5
    assert sorted(people.order()) == [0, 1, 2, 3, 5]  # 2 has a draft, 3 a label
    meta = {task["data"]["id"]: task["meta"] for task in people.tasks()}
    assert [meta[one]["query"] for one in (5, 1, 0)] == [again.number] * 3
    assert [meta[one]["score"] for one in (5, 1, 0)] == again.scores.tolist()
    assert sync.round().text() == ""
    ledger.withdraw(again)
    assert sync.round().text() == "3 tasks removed"
    assert sorted(people.order()) == [2, 3]


def two_askers(client: Any) -> None:
    campaign = Campaign(client, "askers")
    people = campaign.people
    campaign.ask(3, 1, asker="ann")
    campaign.ask(8, 6, asker="bob", top=50)
    assert campaign.round("bob").text() == "2 tasks pushed"
    assert campaign.round("ann").text() == "2 tasks pushed"
    assert people.order() == [3, 1, 8, 6]
    assert campaign.round().text() == campaign.round("bob").text() == ""


def a_better_query_comes_first(client: Any) -> None:
    """Tasks have the score of their pick. So a query that comes later is shown where its scores belong, and no other changes."""
    campaign = Campaign(client, "better")
    people, ledger = campaign.people, campaign.ledger
    ledger.ask(alcore.Precomputed([0.5, 0.25] + [0.0] * (N - 2)), None, 2, asker="ann")
    campaign.round()
    ledger.ask(alcore.Precomputed([0.0] * (N - 2) + [3.0, 0.3]), None, 2, asker="bob")
    assert campaign.round().text() == "2 tasks pushed"
    assert people.order() == [N - 2, 0, N - 1, 1]
    assert people.next() == N - 2
    assert [task["predictions_score"] for task in people.tasks()] == list(map(scaled, (0.5, 0.25, 3.0, 0.3)))
    assert len(campaign.sync().project.versions()) == 1
    assert campaign.round().text() == ""


def as_in_files(client: Any) -> None:
    """A push makes the tasks that a file has, with what a file of items shows. Only the version of the score differs."""
    with TemporaryDirectory() as folder:
        items, tasks = Path(folder, "items.jsonl"), Path(folder, "tasks.json")
        items.write_text(
            "".join(json.dumps({"id": one, "text": f"of {one}", "size": one / 2}) + "\n" for one in range(3))
        )
        campaign, data = Campaign(client, "files"), {"image": "https://host/{text}.png"}
        query = campaign.ask(1, 2)
        query.export(tasks, data=data, data_from=items)
        sync = campaign.sync(shown=Shown(data, items))
        assert sync.round().text() == "2 tasks pushed"
        written = json.loads(tasks.read_text())
        assert written[0]["data"]["image"] == "https://host/of%201.png"
        pushed = campaign.people.tasks()
        assert [one["data"] for one in pushed] == [one["data"] for one in written]
        assert [one["meta"] for one in pushed] == [one["meta"] for one in written]
        assert [one["predictions_score"] for one in pushed] == [one["predictions"][0]["score"] for one in written]
        campaign.ask(5, asker="eve")
        with pytest.raises(LedgerError, match=r"but 5 is not there\. Add them to the file"):
            sync.round()
        with items.open("a") as file:
            file.write('{"id": 5, "text": "of 5"}\n')
        assert sync.round().text() == "1 tasks pushed"


def pushed_twice(client: Any) -> None:
    """A push that arrived after its process was killed, beside the next one's."""
    campaign = Campaign(client, "twice")
    people = campaign.people
    campaign.ask(3, 1)
    sync = campaign.sync()
    wanted, _ = sync._wanted()
    sync.project.push(sync._as_tasks(wanted, "late") * 2)
    people.label(1, "cat", task=people.tasks_of(1)[1])
    assert campaign.round().text() == "1 labels taken, 1 tasks put into a new order, 2 tasks removed"
    assert campaign.round().text() == ""
    assert sorted(people.order()) == [1, 3]


def changed_in_the_ledger(client: Any) -> None:
    """What was changed in the ledger after a round stays, until somebody does something new in Label Studio."""
    campaign = Campaign(client, "changed")
    people, ledger = campaign.people, campaign.ledger
    query = campaign.ask(0, 1, 2, 3)
    campaign.round()
    first = people.label(0, "cat")
    people.label(1, "cat")
    people.skip(2)
    campaign.round()
    ledger.label({0: "dog"}, overwrite=True)
    ledger.unlabel([1])
    ledger.restore([2])
    ledger.tell(query, {3: "by file"})
    assert campaign.round().text() == "1 tasks removed"  # 3
    assert (ledger.labels, ledger.counts()["unlabelled"]) == (["dog", "by file"], N - 2)
    campaign.ask(1, 2)
    assert campaign.round().text() == "2 tasks pushed"  # in those that are there, all was said before
    assert campaign.round().text() == ""
    people.label(1, "dog", "bob", task=people.tasks_of(1)[1])
    people.correct(first, "dog")
    people.correct(first, "cat")
    assert campaign.round().text() == "1 labels taken, 1 labels corrected"
    assert ledger.labels_of([0, 1]) == ["cat", "dog"]
    people.delete_task(0)
    people.delete_task(2)
    people.delete_task(2)
    assert campaign.round().text() == "1 tasks pushed"  # a label stays without its task, an id that waits gets another
    assert ledger.labels_of([0]) == ["cat"]


def kept_from_each_other(client: Any) -> None:
    """Two campaigns in one project, labels that the ledger cannot take, and tasks of others."""
    one = Campaign(client, "kept")
    other = Campaign(client, "kept", people=one.people)
    one.people.client.send("POST", f"/api/projects/{one.people.project}/import", [{"data": {"text": "no id", "id": 1}}])
    one.ask(1, 2)
    one.round()
    other.ask(1, 3)
    done = other.round()
    assert done.text() == "2 tasks pushed"
    assert done.notes == [
        "tasks of another ledger are in this project. Their order was kept. Use a project for each ledger."
    ]
    assert one.round().text() == ""
    tasks = one.people.tasks()
    assert [task["data"]["id"] for task in tasks] == [1, 1, 2, 1, 3]
    for task, value in zip(tasks, ("cat", "cat", "cat", "dog", "dog"), strict=True):
        one.people.label(0, value, task=task["id"])
    one.ledger.set_aside([2])
    done = one.round()
    assert done.taken.problems[0].startswith("id 2: it was set aside in the ledger, and has a label in Label Studio.")
    assert (done.text(), other.round().text()) == ("1 labels taken", "2 labels taken")
    assert (one.ledger.labels, other.ledger.labels) == (["cat"], ["dog", "dog"])
    one.ledger.restore([2])
    assert one.round().text() == "1 labels taken"


def labelled_on_both_sides(client: Any) -> None:
    """The first round that sees a label finds another one in the ledger: the newer one stays."""
    campaign = Campaign(client, "both")
    people, ledger = campaign.people, campaign.ledger
    query = campaign.ask(0, 1, 2)
    campaign.round()
    for one in (0, 1, 2):
        people.label(one, "cat")
    ledger.tell(query, ["dog", "dog", "cat"])
    with ledger._database.writing() as connection:
        connection.execute("UPDATE items SET time = 0 WHERE position = 1")
    done = campaign.round()
    assert done.taken.problems == [
        "id 0: the ledger has the label 'dog', which is newer than the one in Label Studio. The ledger's was kept."
    ]
    assert done.text() == "1 labels corrected"
    assert ledger.labels == ["dog", "cat", "cat"]


def ids_that_are_names(client: Any) -> None:
    names = ["7", "007", " a\tb ", "é\"ü'/\\", "日本 %{id}", "1e5", "null", "-tasks:id", "<b>&amp;</b>"]
    campaign = Campaign(client, "names", Ledger(ids=names))
    people, ledger = campaign.people, campaign.ledger
    query = ledger.ask(alcore.Precomputed(range(len(names))), None, len(names))
    campaign.round()
    assert campaign.round().text() == ""
    assert people.order() == query.ids.tolist() == names[::-1]
    for task in people.tasks():
        people.label(0, "cat" if task["data"]["id"] in names[::2] else "dog", task=task["id"])
    assert campaign.round().text() == "9 labels taken"
    assert ledger.labels == ["cat", "dog"] * 4 + ["cat"]


def by_command_line(client: Any) -> None:
    with TemporaryDirectory() as folder, Ledger.open(Path(folder, "run.db"), N) as ledger:
        campaign = Campaign(client, "command", ledger)
        people, project = campaign.people, campaign.people.project
        campaign.ask(4, 2, asker="ann")
        again = iter([lambda: people.label(4, "dog"), lambda: people.label(4, "cat", "bob"), lambda: None])

        clock = mock.Mock(
            wraps=time, sleep=lambda _: next(again, ctrl_c)()
        )  # of the command alone: it sleeps from poll to poll

        def run(*more: str) -> tuple[int, str, str]:
            words = ["ledger", "sync", str(Path(folder, "run.db")), "--label-studio", "URL", "--project", str(project)]
            with mock.patch("alcore.cli.sync.Client", return_value=client), mock.patch("alcore.cli.sync.time", clock):
                result = CliRunner().invoke(app, [*words, *more], env={"LABEL_STUDIO_API_KEY": TOKEN})
            said = re.sub(r"^\d\d:\d\d:\d\d ", "", result.stdout, flags=re.MULTILINE)
            return result.exit_code, said.replace(client.url, "URL"), result.stderr.replace(client.url, "URL")

        code, _, said = run()
        assert code == 2
        assert said == (
            f"error: URL/projects/{project}: its labelling interface shows $text, which id 4 does not have. Say what it is for "
            "each id: --data text=https://host/{id}.png, or name a file with a column text: --data-from items.jsonl.\n"
        )
        shown = ("--data", "text=item {id}")
        assert run("--asker", "bob", *shown) == (0, "nothing to do; 0 tasks wait for a label\n", "")
        assert run("--asker", "ann", *shown) == (0, "2 tasks pushed; 2 tasks wait for a label\n", "")
        code, out, notes = run("--watch", "30", *shown)
        assert code == 0
        assert out.splitlines() == [
            f"URL/projects/{project}: every 30 s, until Ctrl-C",
            "nothing to do; 2 tasks wait for a label",
            "1 labels taken; 1 tasks wait for a label",
            "stopped. Everything that was taken is recorded.",
        ]
        assert notes.count("note: id 4: ") == 1  # two say different things: it is said once
        assert ledger.labels == ["dog"]


def ctrl_c() -> None:
    raise KeyboardInterrupt


SCENARIOS: tuple[Scenario, ...] = (
    pushed_ordered_and_taken,
    corrected_skipped_and_deleted,
    disputed,
    ranked_anew,
    two_askers,
    a_better_query_comes_first,
    as_in_files,
    pushed_twice,
    changed_in_the_ledger,
    kept_from_each_other,
    labelled_on_both_sides,
    ids_that_are_names,
    by_command_line,
)

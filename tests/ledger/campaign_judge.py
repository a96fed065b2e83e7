"""What became of two campaigns, by the journals of their processes: no label lost, doubled, or on another item or ledger."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alcore import Ledger, LedgerError
from tests.ledger.hostile_names import NAMES

KEY = re.compile(r"c(\d+)w(\d+)i\d+a\d+p(\d+)\.")
FOREIGN = re.compile("expected rows of this ledger|Tell the ledger that asked")
WITHOUT_LOG = "copied or moved while it was open, without its log"
# What an act may be refused for: others did something to its ids between the moment it was planned and the moment it was done.
EXPECTED = re.compile(
    r"has the label .* already|was set aside|expected ids that (are|can be)|expected an id (that was asked|of query)|was withdrawn|"
    r"which was answered, withdrawn or never asked|expected ids of query",
    re.DOTALL,
)
ACTIONS = {"unlabel": "unlabelled", "set_aside": "aside", "restore": "restored"}
AFTER = {  # the state that each action leaves, and those that it may come upon
    "asked": ("asked", {"free"}),
    "labelled": ("labelled", {"free", "asked", "labelled"}),
    "withdrawn": ("free", {"asked"}),
    "unlabelled": ("free", {"labelled"}),
    "aside": ("aside", {"free", "asked"}),
    "restored": ("free", {"aside"}),
}


@dataclass(frozen=True)
class Copy:
    """A copy of a ledger's file, by ``cp`` or by `Ledger.backup`, and when it was begun."""

    path: Path
    campaign: int
    began: float
    may_be_refused: bool = False


@dataclass
class Act:
    """One act of a journal: its beginning, and its end where the process saw it."""

    begin: dict[str, Any]
    end: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> dict[int, str]:
        return {int(place): label for place, label in self.begin.get("labels", {}).items()}

    @property
    def done(self) -> bool:
        return self.end.get("end") == "done"


@dataclass(frozen=True)
class Event:
    """A line of a ledger's history."""

    number: int
    time: float
    position: int
    action: str
    query: int | None
    label: str | None
    annotator: str | None


Wrong = dict[str, list[str]]


def judged(place: Path, copies: Iterable[Copy]) -> tuple[Counter[str], Wrong]:
    """Figures, and what is wrong by its kind; every list is to be empty."""
    acts, ends = read_journals(place)
    wrong: Wrong = {kind: [] for kind in ("lost", "twice", "elsewhere", "asked twice", "half", "copies", "failed")}
    wrong["failed"] += [str(end) for end in ends if end["end"] == "failed" or not _is_expected(end)]
    counts = Counter[str](acts=len(acts), acknowledged=sum(act.done for act in acts))
    for campaign in (0, 1):
        path = place / f"{campaign}.db"
        events = history(path)
        own = [act for act in acts if act.begin["campaign"] == campaign]
        check_states(path, events, wrong)
        check_labels(campaign, events, own, wrong)
        check_queries(path, events, own, wrong)
        check_changes(events, own, wrong)
        for copy in [*copies_of(campaign, copies), *backups(place, campaign, own)]:
            counts[check_copy(copy, events, own, wrong)] += 1
    foreign = [act for act in acts if act.begin.get("foreign") and act.end]
    wrong["elsewhere"] += [f"taken: {act.begin}" for act in foreign if act.done]
    counts["foreign refused"] += sum(act.end["end"] == "refused" for act in foreign)
    return counts, wrong


def read_journals(place: Path) -> tuple[list[Act], list[dict[str, Any]]]:
    """All acts that began, and all ends."""
    acts, ends = dict[tuple[int, int, int], Act](), list[dict[str, Any]]()
    for file in place.glob("journal *.jsonl"):
        worker = int(file.stem.split()[1])
        for line in file.read_text(encoding="utf-8").split("\n")[:-1]:
            entry = json.loads(line) | {"worker": worker}
            key = worker, entry["life"], entry["act"]
            if "end" not in entry:
                acts[key] = Act(entry)
                continue
            ends.append(entry)
            if key in acts:
                acts[key].end = entry | {"foreign": acts[key].begin.get("foreign", False)}
                ends[-1] = acts[key].end
    return list(acts.values()), ends


def _is_expected(end: dict[str, Any]) -> bool:
    if end["end"] != "refused":
        return True
    return (FOREIGN if end.get("foreign") else EXPECTED).search(end["text"]) is not None


def history(path: Path) -> list[Event]:
    connection = sqlite3.connect(path)
    statement = "SELECT number, time, position, action, query, label, annotator FROM history ORDER BY number"
    events = [Event(*row) for row in connection.execute(statement)]
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    return events


# --- what the ledger says of itself -------------------------------------------------------------------------------------


def check_states(path: Path, events: list[Event], wrong: Wrong) -> None:
    """Each event comes upon a state that allows it, and the states at the end are those that the events leave."""
    states, labels = ["free"] * len(NAMES), dict[int, str | None]()
    for event in events:
        state, allowed = AFTER[event.action]
        if states[event.position] not in allowed:
            kind = "asked twice" if event.action == "asked" else "half"
            wrong[kind].append(f"{path.name}: {event} of an id that is {states[event.position]}")
        if event.action == "labelled" and labels.get(event.position) == event.label:
            wrong["twice"].append(f"{path.name}: {event}")
        states[event.position] = state
        labels[event.position] = event.label if state == "labelled" else None
    with Ledger.open(path) as ledger:
        for name, state in (("pool", "free"), ("asked", "asked"), ("aside", "aside"), ("labelled", "labelled")):
            if getattr(ledger, name).tolist() != [NAMES[place] for place, one in enumerate(states) if one == state]:
                wrong["half"].append(f"{path.name}: {name} is not what its history says")
        left = [label for _, label in sorted(labels.items()) if label is not None]
        if [json.dumps(label, ensure_ascii=False) for label in ledger.labels] != left:
            wrong["lost"].append(f"{path.name}: labels are not those of its history")


# --- what the journals say ----------------------------------------------------------------------------------------------


def check_labels(campaign: int, events: list[Event], own: list[Act], wrong: Wrong) -> None:
    """Each label is there as often as acts gave it, on its id and in its ledger; acts are there whole or not at all."""
    found, annotators = Counter[tuple[int, str]](), dict[str, set[str | None]]()
    for event in events:
        if event.action != "labelled":
            continue
        label = json.loads(event.label or "null")
        key = KEY.search(label)
        if key is None or (int(key[1]), int(key[3])) != (campaign, event.position):
            wrong["elsewhere"].append(f"{campaign}: {event}")
        else:
            annotators.setdefault(key[2], set()).add(event.annotator)
        found[event.position, label] += 1
    wrong["elsewhere"] += [
        f"{campaign}: labels of {one} by {names}" for one, names in annotators.items() if len(names) > 1
    ]
    taken = (act for act in own if not act.begin.get("foreign"))
    given = Counter((place, label) for act in taken for place, label in act.labels.items())
    often = [(one, count) for one, count in found.items() if count > given[one]]
    wrong["twice"] += [f"{campaign}: {one} {count} times, given {given[one]} times" for one, count in often]
    for act in own:
        there = [found[one] > 0 for one in act.labels.items()]
        if act.done and not all(there):
            wrong["lost"].append(f"{campaign}: {act}")
        elif act.begin["kind"] != "again" and 0 < sum(there) < len(there):
            wrong["half"].append(f"{campaign}: {act}")
        elif act.end.get("end") == "refused" and act.begin["kind"] != "again" and any(there):
            wrong["half"].append(f"{campaign}, though it was refused: {act}")


def check_queries(path: Path, events: list[Event], own: list[Act], wrong: Wrong) -> None:
    """What an ask returned was asked for by that query, and for nobody else; no process died with a query that nobody knows of."""
    asked = dict[int, set[int]]()
    for event in events:
        if event.action == "asked":
            asked.setdefault(event.query or 0, set()).add(event.position)
    connection = sqlite3.connect(path)
    askers = dict(connection.execute("SELECT query, asker FROM queries"))
    picks = Counter(connection.execute("SELECT query, position FROM picks").fetchall())
    connection.close()
    if picks != Counter((query, position) for query, positions in asked.items() for position in positions):
        wrong["half"].append(f"{path.name}: picks are not those of its history")
    names = dict[int, str]()
    for act in own:
        answer = act.end.get("answer")
        if not act.done or not isinstance(answer, dict) or not answer["query"]:
            continue
        asker = askers.get(answer["query"], "nobody")
        if not set(answer["ids"]) <= asked.get(answer["query"], set()):
            wrong["lost"].append(f"{path.name}: {act}")
        if names.setdefault(act.begin["worker"], asker) != asker:
            wrong["asked twice"].append(f"{path.name}, to {asker} too: {act}")


def check_changes(events: list[Event], own: list[Act], wrong: Wrong) -> None:
    """Ids were unlabelled, set aside and restored at least as often as was acknowledged, and at most as often as was begun."""
    there = Counter((event.action, event.position) for event in events if event.action in ACTIONS.values())
    begun, done = changes(own), changes(act for act in own if act.done)
    wrong["lost"] += [f"{one}: {there[one]} of {count}" for one, count in done.items() if there[one] < count]
    wrong["twice"] += [f"{one}: {count} of {begun[one]}" for one, count in there.items() if count > begun[one]]


def changes(acts: Iterable[Act]) -> Counter[tuple[str, int]]:
    return Counter(
        (ACTIONS[act.begin["kind"]], place)
        for act in acts
        if act.begin["kind"] in ACTIONS
        for place in act.begin["ids"]
    )


# --- copies -------------------------------------------------------------------------------------------------------------


def copies_of(campaign: int, copies: Iterable[Copy]) -> Iterator[Copy]:
    return (copy for copy in copies if copy.campaign == campaign)


def backups(place: Path, campaign: int, own: list[Act]) -> Iterator[Copy]:
    """Those that were acknowledged, and those whose process died but that are there."""
    for act in own:
        if act.begin["kind"] == "backup" and (act.done or (place / act.begin["copy"]).exists()):
            yield Copy(place / act.begin["copy"], campaign, act.begin["at"])


def check_copy(copy: Copy, events: list[Event], own: list[Act], wrong: Wrong) -> str:
    """A copy has the beginning of the history, with everything that was acknowledged before the copy was begun."""
    try:
        Ledger.open(copy.path).close()
    except LedgerError as error:
        if not copy.may_be_refused or WITHOUT_LOG not in str(error):
            wrong["copies"].append(str(error))
        return "copies refused"
    there = history(copy.path)
    if there != events[: len(there)]:
        wrong["copies"].append(f"{copy.path.name}: another history")
    before = [act for act in own if act.done and act.end["at"] < copy.began]
    labels = Counter((event.position, json.loads(event.label or "null")) for event in there if event.label is not None)
    missing = [one for act in before for one in act.labels.items() if not labels[one]]
    counted = Counter((event.action, event.position) for event in there)
    missing += [one for one, count in changes(before).items() if counted[one] < count]
    if missing:
        wrong["copies"].append(f"{copy.path.name}: lacks {len(missing)}, such as {missing[0]}")
    return "copies right"

"""What annotators did, recorded in the ledger. What was seen before is not told again, so later changes in the ledger stay.

For each id the ledger's notes keep which annotations were seen and what was recorded. The note is written with the label: both are
on disk, or neither is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Any, Literal

import numpy as np

from alcore.ledger import label_type, reading, writing
from alcore.ledger.columns import shown
from alcore.ledger.errors import LedgerError
from alcore.ledger.label_text import decode, encode
from alcore.ledger.label_type import LabelType
from alcore.ledger.reading import FREE, Item
from alcore.ledger.sync.label_studio_project import Annotation
from alcore.ledger.tools.label_studio import label_of

Kind = Literal["open", "labelled", "aside", "disputed"]


@dataclass(frozen=True)
class Answer:
    """What the annotations of an id say. ``text`` says what is wrong where they say nothing certain."""

    kind: Kind
    label: str | None = None
    annotator: str | None = None
    text: str = ""


@dataclass(frozen=True)
class Seen:
    """What was recorded of an id, and the times of the annotations that were seen then."""

    kind: Kind = "open"
    label: str | None = None
    stamps: Mapping[str, str] = field(default_factory=dict)

    def still(self, item: Item) -> bool:
        """Whether the ledger still has what was recorded."""
        if self.kind == "labelled":
            return item.state == "labelled" and item.label == self.label
        return item.state == "aside" if self.kind == "aside" else item.state in ("unlabelled", "asked")


@dataclass
class Taken:
    """What one round recorded."""

    labels: int = 0
    corrected: int = 0
    skipped: int = 0
    opened: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, later: Taken) -> None:
        self.labels += later.labels
        self.corrected += later.corrected
        self.skipped += later.skipped
        self.opened += later.opened
        self.problems = later.problems  # what is still so is among them


def stamps_of(annotations: Iterable[Annotation]) -> dict[str, str]:
    return {str(one.number): one.stamp for one in annotations}


def is_answered(annotations: Sequence[Annotation], seen: Seen) -> bool:
    """Whether all that was done here was recorded before. If the ledger asks again, such a task does not do."""
    own = stamps_of(annotations)
    return bool(own) and seen.kind != "open" and own.items() <= dict(seen.stamps).items()


# --- what annotations say ---------------------------------------------------------------------------------------------


def answer_of(annotations: Sequence[Annotation], control: str, labels: LabelType, where: str) -> Answer:
    """One label if all annotators agree, or if those of the ground truth do. An annotator's latest annotation counts."""
    latest: dict[str, Annotation] = {}
    for one in sorted(annotations, key=lambda one: (one.updated, one.number)):
        latest[one.by] = one
    given, skipped = [], None
    for one in sorted(latest.values(), key=lambda one: one.number):
        results = [result for result in one.results if isinstance(result, dict) and result.get("from_name") == control]
        if one.skipped:
            skipped = skipped or one
        elif results:
            try:
                label = label_of(results, labels, f"{where}, {one.by}: label", control)
            except LedgerError as error:
                return Answer("disputed", text=str(error))
            if label is not None:
                given.append((label, one))
    chosen = [pair for pair in given if pair[1].ground_truth] or given
    if len({label for label, _ in chosen}) > 1:
        said = ", ".join(f"{one.by} says {shown(decode(label))}" for label, one in chosen)
        return Answer(
            "disputed", text=f"{where}: {said}. Correct one of them, or set the ground truth in Label Studio."
        )
    if chosen:
        return Answer("labelled", chosen[0][0], chosen[0][1].by)
    return Answer("aside", annotator=skipped.by) if skipped else Answer("open")


# --- what is recorded -------------------------------------------------------------------------------------------------


def read_seen(connection: Connection, remote: str) -> dict[int, Seen]:
    """What was recorded of each position. ``remote`` is the project's name."""
    rows = connection.execute("SELECT step, note FROM notes WHERE asker = ?", (remote,))
    return {position: Seen(**decode(text)) for position, text in rows}


def has_news(annotations: Sequence[Annotation], seen: Seen) -> bool:
    return stamps_of(annotations) != dict(seen.stamps)


def take(
    connection: Connection, remote: str, groups: Mapping[int, tuple[Any, Sequence[Annotation]]], control: str
) -> Taken:
    """Record what is new in the annotations of ids, given by position as (id, annotations). Inside a transaction."""
    seen, taken = read_seen(connection, remote), Taken()
    items, labels = reading.items(connection, np.array(list(groups), np.int64)), label_type.read(connection)
    for position, (one, own) in groups.items():
        before, item = seen.get(position, Seen()), items.get(position, FREE)
        if not has_news(own, before):
            continue
        old = before.stamps
        fresh = [each for each in own if old.get(str(each.number)) != each.stamp]
        counting = own if position not in seen or before.still(item) else fresh
        answer = answer_of(counting, control, labels, f"id {one!r}")
        problem = _record(
            connection, position, one, answer, before if position in seen else None, item, counting, taken
        )
        if problem:
            taken.problems.append(problem)
            continue
        now = {"kind": answer.kind, "label": answer.label, "stamps": stamps_of(own)}
        writing.write_note(connection, remote, position, encode(now, "note"))
    return taken


def _record(
    connection: Connection,
    position: int,
    one: Any,
    answer: Answer,
    before: Seen | None,
    item: Item,
    annotations: Sequence[Annotation],
    taken: Taken,
) -> str:
    """Record one answer. Returns why it was not recorded, or an empty text."""
    row = np.array([position], np.int64)
    if answer.kind == "disputed":
        return answer.text
    if answer.kind == "labelled":
        assert answer.label is not None
        if item.has(answer.label):
            return ""
        if problem := _refusal(connection, position, one, before, item, annotations):
            return problem
        if item.state == "aside":
            writing.ask_again(connection, row, "restored")
            item = reading.items(connection, row).get(position, FREE)
        known = {position: item} if item is not FREE else {}
        writing.write_labels(connection, row, [answer.label], known, None, answer.annotator)
        taken.corrected += item.state == "labelled"
        taken.labels += item.state != "labelled"
        return ""
    undone = before is not None and before.kind not in (answer.kind, "open") and before.still(item)
    if undone:  # the annotation was deleted, or became a skip
        writing.ask_again(connection, row, "unlabelled" if item.state == "labelled" else "restored")
        taken.opened += answer.kind == "open"
    if answer.kind == "aside" and (undone or item.state in ("asked", "unlabelled")):
        writing.set_state(connection, row, "aside")
        taken.skipped += 1
    return ""


def _refusal(
    connection: Connection, position: int, one: Any, before: Seen | None, item: Item, annotations: Sequence[Annotation]
) -> str:
    """Why a label does not replace what the ledger has. An empty text if it does."""
    if item.state == "aside" and not (before is not None and before.kind == "aside"):
        return f"id {one!r}: it was set aside in the ledger, and has a label in Label Studio. To take the label: restore the id."
    if item.state != "labelled" or before is not None:
        return ""
    (when,) = connection.execute("SELECT time FROM items WHERE position = ?", (position,)).fetchone()
    if max(each.updated.timestamp() for each in annotations) > when:
        return ""
    return (
        f"id {one!r}: the ledger has the label {shown(decode(item.label or ''))}, which is newer than the one in Label Studio. The "
        "ledger's was kept."
    )

"""A project of Label Studio: its tasks, annotations, predictions and settings, by its HTTP interface (1.23).

Label Studio has no unique key for tasks. A task of ours has the id in its data, and in ``meta`` the ledger that asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from alcore.ledger.errors import LedgerError
from alcore.ledger.sync.client import Client, ServerError
from alcore.ledger.sync.sending import Sending
from alcore.ledger.tools.label_studio import CONTROL

PAGE = 500  # tasks of one answer
PART = 1000  # tasks or scores of one request that writes
# Label Studio's import sleeps 3, 6, 12, ... s where another writer holds the lock of its SQLite file. With 2.4 labels a second from
# three annotators that met 1 of 12 requests of 10 tasks, 4 of 12 of 50 and 4 of 9 of 200. One of 400 was not done in 150 s.
FIRST, LEAST, LARGEST = 50, 10, 200  # tasks of a push's requests
FAST = 1.0  # seconds
AT_ONCE = 4  # requests that wait
PATIENCE = 600.0  # seconds that a push may last. Given up and sent again, its tasks would be there twice
# Of tasks, and of the annotations in them. All fields would take ten times as long.
FIELDS = (
    "id,data,meta,predictions_score,draft_exists,updated_at,annotations,completed_by,result,was_cancelled,ground_truth"
)
TAG, NAMED = re.compile(r"<[^<>]+>"), re.compile(r"\bname\s*=")
VALUE = re.compile(r"""\bvalue\s*=\s*["']\$([^"'.\[\]]+)""")  # the first part of $text, $texts[{{idx}}] or $item.text
SAMPLING = "Sequential sampling"  # "Uncertainty sampling" would hand out the lowest score first
ORDERING = ["-tasks:predictions_score"]
TAB = "most informative first"


@dataclass(frozen=True)
class Annotation:
    """What one annotator did in a task. ``by`` is an e-mail."""

    number: int
    by: str
    results: list[Any]
    skipped: bool
    ground_truth: bool
    updated: datetime

    @property
    def stamp(self) -> str:
        return self.updated.isoformat()


@dataclass(frozen=True)
class Task:
    """A task that a ledger pushed. ``score`` is the one that Label Studio sorts by, None where it has none."""

    number: int
    id: Any
    meta: dict[str, Any]
    score: float | None
    draft: bool
    annotations: tuple[Annotation, ...]
    updated: datetime

    @property
    def touched(self) -> bool:
        return self.draft or bool(self.annotations)


@dataclass(frozen=True)
class Settings:
    """Of the labelling interface: the control whose results are the label, and the data that its objects show."""

    title: str
    control: str
    shown: tuple[str, ...]
    sampling: str
    version: str


class Project:
    def __init__(self, client: Client, number: int) -> None:
        self.client, self.number = client, number
        self._emails: dict[int, str] = {}

    @property
    def name(self) -> str:
        return f"{self.client.url}/projects/{self.number}"

    # --- settings ---------------------------------------------------------------------------------------------------------

    def settings(self) -> Settings:
        try:
            answer = self.client.get(f"/api/projects/{self.number}/")
        except ServerError as error:
            if error.status != 404:
                raise
            raise LedgerError(
                f"--project: {self.client.url} has no project {self.number} that this token may see. The number is in the "
                "project's address: /projects/NUMBER."
            ) from None
        controls = answer.get("parsed_label_config") or {}
        control = self._control(controls)
        shown = _shown(answer.get("label_config") or "")
        return Settings(
            answer.get("title") or "", control, shown, answer.get("sampling") or "", answer.get("model_version") or ""
        )

    def _control(self, controls: dict[str, Any]) -> str:
        if CONTROL in controls or len(controls) == 1:
            return CONTROL if CONTROL in controls else next(iter(controls))
        got = f"the controls {', '.join(map(repr, controls))}" if controls else "no control"
        raise LedgerError(
            f"{self.name}: expected one control in the labelling interface, or one with the name {CONTROL!r}, got {got}. In the "
            f'project\'s settings, write name="{CONTROL}" in the control whose answers are the labels.'
        )

    def show_first(self, version: str) -> None:
        """Sort by the scores of this version, the highest first."""
        change = {"sampling": SAMPLING, "model_version": version}
        self.client.send("PATCH", f"/api/projects/{self.number}/", change)

    def add_tab(self) -> None:
        """A tab of the data manager in this order: "Label All Tasks" takes the order of the tab."""
        tabs = self.client.get("/api/dm/views", {"project": self.number})
        if not any((tab.get("data") or {}).get("ordering") == ORDERING for tab in tabs):
            tab = {
                "project": self.number,
                "data": {"title": TAB, "type": "list", "target": "tasks", "ordering": ORDERING},
            }
            self.client.send("POST", "/api/dm/views", tab, {"project": self.number})

    # --- tasks ------------------------------------------------------------------------------------------------------------

    def tasks(self, since: datetime | None = None) -> Iterator[tuple[Task | None, datetime]]:
        """Tasks that changed since, or all. None in place of a task that no ledger pushed."""
        last = 0
        while True:
            items: list[dict[str, Any]] = [_filter("id", "greater", "Number", last)]
            if since is not None:
                items.append(_filter("updated_at", "greater", "Datetime", since.isoformat().replace("+00:00", "Z")))
            query = {"filters": {"conjunction": "and", "items": items}, "ordering": ["tasks:id"]}
            page = {"project": self.number, "fields": "all", "include": FIELDS, "page_size": PAGE, "page": 1}
            found = self.client.get("/api/tasks/", {**page, "query": json.dumps(query)})["tasks"]
            for one in found:
                yield self._task(one)
            if len(found) < PAGE:
                return
            last = max(one["id"] for one in found)

    def push(self, tasks: Sequence[dict[str, Any]]) -> None:
        """In requests that grow while the server is fast. What it keeps waiting does not hold up what comes after it."""
        start, size, sent = 0, FIRST, list[Sending]()
        while start < len(tasks) and not any(one.failed for one in sent):
            part = tasks[start : start + size]
            path = f"/api/projects/{self.number}/import"
            sent.append(Sending(partial(self.client.send, "POST", path, part, timeout=PATIENCE)))
            start += size
            size = min(2 * size, LARGEST) if sent[-1].ended(FAST) else max(size // 2, LEAST)
            while len(waiting := [one for one in sent if not one.ended(0)]) >= AT_ONCE:
                waiting[0].ended(FAST)
        for one in sent:
            one.ended()  # also after a failure: what is still on its way must not be pushed again
        for one in sent:
            one.check()

    def delete_untouched(self, numbers: Sequence[int]) -> int:
        """Delete those of the tasks that have neither an annotation nor a draft at the moment of the deletion."""
        untouched = [_filter(name, "equal", "Number", 0) for name in ("total_annotations", "cancelled_annotations")]
        untouched.append(_filter("draft_exists", "equal", "Boolean", False))
        count, query = 0, {"id": "delete_tasks", "project": self.number}
        for start in range(0, len(numbers), PART):
            selected = {"all": False, "included": list(numbers[start : start + PART])}
            body = {"selectedItems": selected, "filters": {"conjunction": "and", "items": untouched}}
            count += self.client.send("POST", "/api/dm/actions", body, query)["processed_items"]
        return count

    def write_meta(self, task: int, meta: dict[str, Any]) -> None:
        self.client.send("PATCH", f"/api/tasks/{task}/", {"meta": meta})

    # --- scores -----------------------------------------------------------------------------------------------------------

    def write_scores(self, scores: Sequence[tuple[int, float]], version: str) -> None:
        rows = [{"task": task, "score": score, "model_version": version, "result": []} for task, score in scores]
        for start in range(0, len(rows), PART):
            self.client.send("POST", f"/api/projects/{self.number}/import/predictions", rows[start : start + PART])

    def versions(self) -> list[str]:
        return list(self.client.get(f"/api/projects/{self.number}/model-versions/"))

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _task(self, one: dict[str, Any]) -> tuple[Task | None, datetime]:
        data, meta, updated = one.get("data"), one.get("meta"), datetime.fromisoformat(one["updated_at"])
        if not isinstance(data, dict) or "id" not in data or not isinstance(meta, dict) or "ledger" not in meta:
            return None, updated
        annotations = tuple(self._annotation(own) for own in one.get("annotations") or ())
        draft, score = bool(one.get("draft_exists")), one.get("predictions_score")
        return Task(one["id"], data["id"], meta, score, draft, annotations, updated), updated

    def _annotation(self, one: dict[str, Any]) -> Annotation:
        by, results = one.get("completed_by"), one.get("result")
        return Annotation(
            one["id"],
            self._email(by.get("id") if isinstance(by, dict) else by),
            results if isinstance(results, list) else [],
            bool(one.get("was_cancelled")),
            bool(one.get("ground_truth")),
            datetime.fromisoformat(one["updated_at"]),
        )

    def _email(self, number: int | None) -> str:
        if number is None:
            return "deleted user"
        if number not in self._emails:
            users = self.client.get("/api/users/")
            self._emails = {user["id"]: user["email"] or f"user {user['id']}" for user in users}
        return self._emails.setdefault(number, f"user {number}")


def _shown(interface: str) -> tuple[str, ...]:
    """Names of the data that objects show. Label Studio refuses tasks without them, also where no control is on the object."""
    tags = [tag for tag in TAG.findall(interface) if NAMED.search(tag)]
    return tuple(dict.fromkeys(found[1] for tag in tags if (found := VALUE.search(tag))))


def _filter(name: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{name}", "operator": operator, "type": kind, "value": value}

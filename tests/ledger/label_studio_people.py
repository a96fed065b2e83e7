"""What people do in Label Studio: a manager makes a project, annotators label, correct, skip and delete."""

from __future__ import annotations

import json
from typing import Any

from alcore.ledger.sync.client import Client

INTERFACE = (
    '<View><Text name="text" value="$text"/><Choices name="label" toName="text"><Choice value="cat"/><Choice value="dog"/>'
    '</Choices><TextArea name="comment" toName="text"/></View>'
)


class People:
    def __init__(self, client: Client, name: str, interface: str = INTERFACE) -> None:
        self.client, self.name = client, name
        answer = client.send("POST", "/api/projects/", {"title": name, "label_config": interface})
        self.project = int(answer["id"])
        self.users: dict[str, int] = {}

    def email(self, who: str) -> str:
        return f"{who}.{self.name}@example.org"

    def tasks(self, *filters: dict[str, Any], ordering: str = "tasks:id") -> list[dict[str, Any]]:
        query = {"filters": {"conjunction": "and", "items": list(filters)}, "ordering": [ordering]}
        page = {"project": self.project, "fields": "all", "page_size": 2000, "page": 1, "query": json.dumps(query)}
        return list(
            self.client.get("/api/tasks/", {**page, "include": "id,data,meta,annotations,predictions_score"})["tasks"]
        )

    def tasks_of(self, one: int | str) -> list[int]:
        kind = "String" if isinstance(one, str) else "Number"
        return [
            task["id"]
            for task in self.tasks({"filter": "filter:tasks:data.id", "operator": "equal", "type": kind, "value": one})
        ]

    def order(self) -> list[Any]:
        """The ids of all tasks, as the data manager's tab shows them."""
        return [task["data"]["id"] for task in self.tasks(ordering="-tasks:predictions_score")]

    def next(self) -> Any:
        """The id of the task that "Label All Tasks" shows first in this tab."""
        order = {"ordering": ["-tasks:predictions_score"]}
        answer = self.client.send("POST", "/api/dm/actions", order, {"id": "next_task", "project": self.project})
        return answer["data"]["id"]

    def _user(self, who: str) -> int:
        if who not in self.users:
            new = {"email": self.email(who), "username": self.email(who), "password": "of-no-use-1"}
            self.users[who] = int(self.client.send("POST", "/api/users/", new)["id"])
        return self.users[who]

    def label(self, one: int | str, value: str | None, who: str = "ann", task: int | None = None, **more: Any) -> int:
        """Submit a choice, or nothing chosen. Returns the number of the annotation."""
        body = {"result": results(value), "completed_by": self._user(who), **more}
        number = self.tasks_of(one)[0] if task is None else task
        return int(self.client.send("POST", f"/api/tasks/{number}/annotations/", body)["id"])

    def skip(self, one: int | str, who: str = "ann") -> int:
        return self.label(one, None, who, was_cancelled=True)

    def change(self, annotation: int, **fields: Any) -> None:
        self.client.send("PATCH", f"/api/annotations/{annotation}/", fields)

    def correct(self, annotation: int, value: str) -> None:
        self.change(annotation, result=results(value))

    def delete(self, annotation: int) -> None:
        self.client.send("DELETE", f"/api/annotations/{annotation}/", None)

    def delete_task(self, one: int | str) -> None:
        self.client.send("DELETE", f"/api/tasks/{self.tasks_of(one)[0]}/", None)

    def begin(self, one: int | str) -> None:
        """Leave a draft."""
        body = {"result": results("cat"), "lead_time": 1.0}
        self.client.send("POST", f"/api/tasks/{self.tasks_of(one)[0]}/drafts", body, {"project": self.project})


def results(value: str | None) -> list[Any]:
    comment = {"from_name": "comment", "to_name": "text", "type": "textarea", "value": {"text": ["well"]}}
    choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [value]}}
    return [comment, choice] if value else []

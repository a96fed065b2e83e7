"""A process that runs `alcore ledger sync --watch` and can be killed, and annotators that label meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from alcore.ledger.errors import LedgerError
from alcore.ledger.sync.client import TOKEN as VARIABLE
from alcore.ledger.sync.client import Client
from tests.ledger.exchanges import TOKEN
from tests.ledger.label_studio_people import People, results

ROOT = Path(__file__).parents[2]


def truth(one: int) -> str:
    """The label that is right, so that a label on another item is seen."""
    return "cat" if one * 7919 % 13 < 6 else "dog"


class SyncProcess:
    def __init__(self, path: Path, url: str, project: int, poll: float) -> None:
        words = ["--label-studio", url, "--project", str(project), "--watch", str(poll), "--data", "text=item {id}"]
        self.said = path.with_name("sync.txt")
        with open(self.said, "ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "alcore.cli", "ledger", "sync", str(path), *words],
                cwd=ROOT,
                env={**os.environ, VARIABLE: TOKEN},
                stdout=said,
                stderr=said,
            )

    def kill(self) -> None:
        assert self._process.poll() is None, f"the sync ended by itself: {self.said.read_text()[-500:]}"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


class Annotator(threading.Thread):
    """Labels a third of the tasks, the best first: some wrong at first and corrected later, some skipped at first."""

    def __init__(self, url: str, people: People, who: str, place: int) -> None:
        super().__init__(daemon=True)
        self.given: dict[int, str] = {}
        self._client, self._people, self._who, self._place = Client(url, TOKEN), people, who, place
        self._user, self._ended, self._random = people._user(who), threading.Event(), random.Random(place)

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        own = People.__new__(People)
        own.__dict__ |= {**self._people.__dict__, "client": self._client}
        while not self._ended.is_set():
            try:
                tasks = own.tasks(ordering="-tasks:predictions_score")
            except LedgerError:  # Label Studio cannot sort a project without tasks
                tasks = []
            mine = [task for task in tasks if task["data"]["id"] % 3 == self._place and not task["annotations"]]
            for task in mine[:20]:
                one = task["data"]["id"]
                if one not in self.given and not self._ended.is_set():
                    self._answer(own, task["id"], one)
            time.sleep(0.1)

    def _answer(self, own: People, task: int, one: int) -> None:
        way, right = self._random.random(), truth(one)
        wrong = "dog" if right == "cat" else "cat"
        try:
            annotation = own.label(one, wrong if way < 0.1 else right, self._who, task=task)
        except LedgerError:  # the task was taken back a moment ago
            return
        self.given[one] = self._who
        if way < 0.1:
            time.sleep(self._random.random())
            self._correct(own, annotation, right)

    def _correct(self, own: People, annotation: int, right: str) -> None:
        """As a person does who sees that it was not saved: again. Label Studio is busy while others hold its lock."""
        for pause in (0.5, 1.0, 2.0, 4.0, 8.0, None):
            try:
                own.change(annotation, result=results(right))
                return
            except LedgerError:
                if pause is None:
                    raise
                time.sleep(pause)

"""Exchanges with a real Label Studio, recorded by `make soak` into tests/data/label_studio, and played back by `make test`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alcore.ledger.errors import LedgerError
from alcore.ledger.sync.client import Client, ServerError

FOLDER = Path(__file__).parents[1] / "data" / "label_studio"
TOKEN = "0123456789abcdef0123456789abcdef01234567"


class Recording(Client):
    """A client that keeps what it sends and gets. The identities of ledgers, which are random, get names."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.kept: list[dict[str, Any]] = []
        self.identities: list[str] = []

    def _send(
        self, method: str, address: str, body: Any, authorization: str | None, timeout: float | None = None
    ) -> Any:
        exchange = {"method": method, "address": address, "body": body}
        try:
            exchange["answer"] = super()._send(method, address, body, authorization, timeout)
        except ServerError as error:
            exchange |= {"status": error.status, "refusal": str(error).replace(self.url, "URL")}
            raise
        finally:
            self.kept.append(json.loads(_named(json.dumps(exchange), self.identities)))
        return exchange["answer"]

    def write(self, name: str) -> None:
        FOLDER.mkdir(exist_ok=True)
        lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in self.kept)
        (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


class Recorded(Client):
    """A client without a server: the same requests in the same order get the answers that were recorded."""

    def __init__(self, name: str) -> None:
        super().__init__("http://localhost:1", TOKEN)
        self.identities: list[str] = []
        self.left: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))

    def _send(
        self, method: str, address: str, body: Any, authorization: str | None, timeout: float | None = None
    ) -> Any:
        assert self.left, f"nothing more was recorded, got {method} {address}"
        expected = self.left.pop(0)
        sent = json.loads(_named(json.dumps({"method": method, "address": address, "body": body}), self.identities))
        assert sent == {name: expected[name] for name in sent}
        if "status" in expected:
            raise ServerError(expected["refusal"], expected["status"])
        text = json.dumps(expected["answer"])
        for number, identity in enumerate(self.identities):
            text = text.replace(_name(number), identity).replace(_name(number)[:8], identity[:8])
        return json.loads(text)


def _named(text: str, identities: list[str]) -> str:
    for number, identity in enumerate(identities):
        text = text.replace(identity, _name(number)).replace(identity[:8], _name(number)[:8])
    return text


def _name(number: int) -> str:
    return f"LEDGER_{number}" + "_" * 24


__all__ = ["TOKEN", "LedgerError", "Recorded", "Recording"]

"""The HTTP client: tokens of both kinds, what is tried again, and errors in one sentence that never hold the token."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from alcore import LedgerError
from alcore.ledger.sync import client as module
from alcore.ledger.sync.client import Client, ServerError, Unreachable

LEGACY = "0123456789abcdef0123456789abcdef01234567"
PERSONAL = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9"


class Server(HTTPServer):
    """Answers what it is told to, and keeps what it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, Any]] = []
        self.got: list[tuple[str, str, str | None, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        self.server.got.append((self.command, self.path, self.headers.get("Authorization"), body))
        status, answer = self.server.answers.pop(0) if self.server.answers else (200, {})
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # this machine is asked directly
    with Server() as one:
        threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
        yield one
        one.shutdown()


def test_a_legacy_token_is_sent_as_it_is(server: Server) -> None:
    server.answers = [(200, {"number": 1}), (201, {"é": 2}), (204, b"")]
    client = Client(server.url + "/", f" {LEGACY}\n")
    assert client.get("/api/x", {"query": "a b&c"}) == {"number": 1}
    assert client.send("POST", "/api/y", {"é": [1]}) == {"é": 2}
    assert client.send("DELETE", "/api/z", None) is None
    assert server.got == [
        ("GET", "/api/x?query=a+b%26c", f"Token {LEGACY}", None),
        ("POST", "/api/y", f"Token {LEGACY}", {"é": [1]}),
        ("DELETE", "/api/z", f"Token {LEGACY}", None),
    ]


def test_a_personal_token_is_exchanged_and_exchanged_again(server: Server) -> None:
    server.answers = [
        (200, {"access": "one"}),
        (200, 1),
        (401, {"detail": "expired"}),
        (200, {"access": "two"}),
        (200, 2),
    ]
    client = Client(server.url, PERSONAL)
    assert [client.get("/api/x"), client.send("PATCH", "/api/x", {})] == [1, 2]
    assert [(path, sent) for _, path, sent, _ in server.got] == [
        ("/api/token/refresh", None),
        ("/api/x", "Bearer one"),
        ("/api/x", "Bearer one"),
        ("/api/token/refresh", None),
        ("/api/x", "Bearer two"),
    ]
    assert server.got[0][3] == {"refresh": PERSONAL}


@pytest.mark.parametrize("token", [LEGACY, PERSONAL])
def test_no_error_holds_the_token(server: Server, token: str) -> None:
    server.answers = [(401, {"detail": f"Invalid token {token}."})]
    with pytest.raises(
        ServerError, match=r"refused the token \(401 Invalid token \*\*\*\.\)\. Set LABEL_STUDIO_API_KEY"
    ) as caught:
        Client(server.url, token).get("/api/x")
    assert token not in str(caught.value)
    assert token not in repr(caught.value.__cause__)
    assert token not in repr(vars(caught.value))


def test_another_address_does_not_get_the_token(server: Server) -> None:
    server.answers = [(302, b""), (200, 1)]
    assert Client(server.url, LEGACY).get("/api/x") == 1
    assert [(path, sent) for _, path, sent, _ in server.got] == [("/api/x", f"Token {LEGACY}"), ("/elsewhere", None)]


def test_only_a_get_is_tried_again(server: Server) -> None:
    client = Client(server.url, LEGACY)
    server.answers = [(503, b"busy"), (500, {"detail": "database is locked"}), (200, 5)]
    assert client.get("/api/x") == 5
    server.answers = [(503, b"busy")] * 3
    with pytest.raises(Unreachable, match=r"busy \(503 no reason given\)\. Try again"):
        client.get("/api/x")
    server.answers = [(502, b"busy")]
    with pytest.raises(Unreachable):
        client.send("POST", "/api/x", {})
    assert len(server.got) == 7


def test_what_is_not_label_studio_is_refused_in_a_sentence(server: Server) -> None:
    server.answers = [
        (200, b"<html>"),
        (400, {"detail": "Validation error", "validation_errors": {"label": ["is wrong"]}}),
    ]
    client = Client(server.url, LEGACY)
    with pytest.raises(LedgerError, match="expected JSON, got another text"):
        client.get("/api/x")
    with pytest.raises(ServerError, match=r"refused it \(400 Validation error \{'label': \['is wrong'\]\}\)"):
        client.get("/api/x")
    url = server.url
    server.shutdown()
    server.server_close()
    with socket.socket() as nobody:  # the port stays taken, and nobody listens
        nobody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        nobody.bind(("127.0.0.1", server.server_port))
        with pytest.raises(Unreachable, match=r"did not answer \(.*refused\)\. Start it, or check the address"):
            Client(url, LEGACY).get("/api/x")


@pytest.mark.parametrize(
    "url", ["localhost:8080", "file:///etc/passwd", "http://", "http://ann:secret@host", "http://host/?a=b"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(LedgerError, match="--label-studio: expected the address of Label Studio") as caught:
        Client(url, LEGACY)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["", " ", "é"])
def test_tokens_that_are_none(token: str) -> None:
    with pytest.raises(LedgerError, match="LABEL_STUDIO_API_KEY: expected an access token"):
        Client("http://localhost:8080", token)

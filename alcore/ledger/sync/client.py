"""HTTP with JSON, by the standard library: the token goes into one header, and into nothing else."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from alcore.ledger.errors import LedgerError

TOKEN = "LABEL_STUDIO_API_KEY"  # noqa: S105 - the name of a variable
TIMEOUT = 60.0  # seconds that the server may be silent
PAUSES = (0.5, 2.0)  # seconds between the tries of a GET
REFUSED = (401, 403)  # the token
BUSY = (429, 502, 503, 504)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ServerError(LedgerError):
    """The server answered with an error."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Unreachable(LedgerError):  # noqa: N818
    """The server did not answer, or is busy. A later try may succeed."""


class Client:
    """Requests to one Label Studio. Only a GET is tried again: what a POST did before the connection broke is not known."""

    def __init__(self, url: str, token: str, timeout: float = TIMEOUT) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise LedgerError(
                f"--label-studio: expected the address of Label Studio, such as http://localhost:8080, got {_bare(url)!r}."
            )
        if not token.strip() or not token.strip().isascii():
            raise LedgerError(
                f"{TOKEN}: expected an access token of Label Studio in this variable, got none. Copy it from Account & Settings "
                f"in Label Studio: export {TOKEN}=..."
            )
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._token, self._timeout = token.strip(), timeout
        self._personal = "." in self._token  # a JSON web token, which is exchanged for one that lives for minutes
        self._bearer: str | None = None
        direct = (urllib.request.ProxyHandler({}),) if parts.hostname in LOOPBACK else ()
        self._opener = urllib.request.build_opener(*direct)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        for pause in (*PAUSES, None):
            try:
                return self.send("GET", path, None, query)
            except Unreachable:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def send(
        self, method: str, path: str, body: Any, query: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> Any:
        """The JSON that the server answers, None for an empty answer."""
        address = path if not query else f"{path}?{urlencode(query)}"
        try:
            return self._send(method, address, body, self._authorization(), timeout)
        except ServerError as error:
            if error.status != 401 or not self._personal or self._bearer is None:
                raise
        self._bearer = None  # its minutes are over
        return self._send(method, address, body, self._authorization(), timeout)

    def _authorization(self) -> str:
        if not self._personal:
            return f"Token {self._token}"
        if self._bearer is None:
            answer = self._send("POST", "/api/token/refresh", {"refresh": self._token}, None)
            self._bearer = str(answer["access"])
        return f"Bearer {self._bearer}"

    def _send(
        self, method: str, address: str, body: Any, authorization: str | None, timeout: float | None = None
    ) -> Any:
        text = None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        request = urllib.request.Request(self.url + address, data=text, method=method)  # noqa: S310 - checked above
        request.add_header("Content-Type", "application/json")
        if authorization is not None:
            request.add_unredirected_header("Authorization", authorization)  # another address does not get it
        where = f"{self.url}: {method} {address.partition('?')[0]}"
        try:
            with self._opener.open(request, timeout=timeout or self._timeout) as answer:
                return self._parsed(answer.read(), where)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error.code, error.read(), where) from None
        except (OSError, http.client.HTTPException) as error:
            reason = self._hidden(str(getattr(error, "reason", error)) or type(error).__name__)
            raise Unreachable(
                f"{where}: Label Studio did not answer ({reason}). Start it, or check the address given to --label-studio."
            ) from None

    def _parsed(self, text: bytes, where: str) -> Any:
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError:
            raise LedgerError(
                f"{where}: expected JSON, got another text. Check that the address given to --label-studio is that of Label Studio."
            ) from None

    def _refusal(self, status: int, body: bytes, where: str) -> LedgerError:
        said = self._hidden(_said(body))
        if status in BUSY or (status == 500 and "locked" in said):
            return Unreachable(f"{where}: Label Studio is busy ({status} {said}). Try again.")
        if status in REFUSED:
            return ServerError(
                f"{where}: Label Studio refused the token ({status} {said}). Set {TOKEN} to a token of Account & Settings in Label "
                "Studio. It must be a personal token, or a legacy token where the organization allows these.",
                status,
            )
        return ServerError(f"{where}: Label Studio refused it ({status} {said}).", status)

    def _hidden(self, text: str) -> str:
        for secret in filter(None, (self._token, self._bearer)):
            text = text.replace(secret, "***")
        return text


def _said(body: bytes) -> str:
    """What the server says of an error, in one line."""
    try:
        answer = json.loads(body)
    except ValueError:
        return "no reason given"
    if not isinstance(answer, dict):
        return str(answer)[:300]
    details = answer.get("validation_errors") or ""
    return " ".join(f"{answer.get('detail', answer)} {details or ''}".split())[:300]


def _bare(url: str) -> str:
    """An address without the name and the password that it may hold."""
    before, at, after = url.rpartition("@")
    return f"{before.partition('://')[0]}://***@{after}" if at else url

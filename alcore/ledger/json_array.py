"""The values of a file with a JSON array, one at a time, so that memory holds one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from alcore.ledger.errors import LedgerError
from alcore.ledger.label_text import no_constant

CHUNK = 1 << 16
NEAR_THE_END = 16  # characters: an error so near the end of the text may mean only that the text is cut off


def values_of_array(path: Path) -> Iterator[Any]:
    """What the array has."""
    with open(path, encoding="utf-8-sig") as file:
        reader = _Values(path, file)
        reader.expect("[")
        if reader.peek() != "]":
            yield reader.value()
            while reader.peek() == ",":
                reader.expect(",")
                yield reader.value()
        reader.expect("]")
        reader.end()


class _Values:
    """Reads the text of a file in parts, and takes JSON values from it."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path, self._file = path, file
        self._text, self._line = "", 1

    def peek(self) -> str:
        """The next character that is not a space, or "" at the end."""
        while True:
            rest = self._text.lstrip(" \t\r\n")
            self._line += self._text.count("\n", 0, len(self._text) - len(rest))
            self._text = rest
            if rest or not self._more(CHUNK):
                return rest[:1]

    def expect(self, character: str) -> None:
        if (got := self.peek()) != character:
            raise self._refuse(f"expected {character!r} of a JSON array of tasks, got {got or 'the end of the file'!r}")
        self._text = self._text[1:]

    def end(self) -> None:
        if got := self.peek():
            raise self._refuse(f"expected the end of the file after the array of tasks, got {got!r}")

    def value(self) -> Any:
        self.peek()
        size = CHUNK
        while True:
            try:
                value, stop = _DECODER.raw_decode(self._text)
            except json.JSONDecodeError as error:
                cut_off = error.pos > len(self._text) - NEAR_THE_END or error.msg.startswith("Unterminated string")
                if cut_off and self._more(size):
                    size *= 2
                    continue
                self._line += self._text.count("\n", 0, error.pos)
                raise self._refuse(f"expected JSON, but it cannot be read: {error.msg}") from error
            except (ValueError, RecursionError) as error:
                raise self._refuse(f"expected JSON, but it cannot be read: {error}") from error
            self._line += self._text.count("\n", 0, stop)
            self._text = self._text[stop:]
            return value

    def _more(self, size: int) -> bool:
        try:
            part = self._file.read(size)
        except UnicodeDecodeError as error:
            raise self._refuse(
                f"expected UTF-8, got the byte {error.object[error.start]:#04x} in or after this line. Save the file as UTF-8"
            ) from error
        self._text += part
        return bool(part)

    def _refuse(self, text: str) -> LedgerError:
        return LedgerError(f"{self._path}, line {self._line}: {text}.")


_DECODER = json.JSONDecoder(parse_constant=no_constant)

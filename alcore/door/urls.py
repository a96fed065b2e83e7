"""URLs of remote stores: what is one, how it is shown without its secrets, and where only a path of this machine will do."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

LOCAL = ("file://", "local://")  # fsspec's names of this machine's own files
HIDDEN = "***"
# s3://bucket/preds.zarr, and chains of fsspec such as simplecache::s3://bucket/preds.npy. One letter is a drive of Windows.
_SCHEME = r"[A-Za-z][\w+.-]+(?:::[A-Za-z][\w+.-]+)*"
_URL = re.compile(rf"{_SCHEME}://")
_IN_A_TEXT = re.compile(r"[A-Za-z][\w+.-]+://[^\s'\"]+")
_ONE_SLASH = re.compile(rf"({_SCHEME}):/(?!/)")  # what pathlib makes of a URL
_USER = re.compile(r"(?<=://)(?:[^/:@]+:.*@|[^/]+@)")  # a password may have slashes


def is_url(value: Any) -> bool:
    """Whether it is the text of a URL, or an object that holds one."""
    return isinstance(value, str | os.PathLike) and _URL.match(str(os.fspath(value))) is not None


def without_secrets(text: str) -> str:
    """A text whose URLs show neither a user, a password nor a query, which may hold a token.

    >>> without_secrets("ftp://ann:secret@host/preds.npy"), without_secrets("https://host/preds.npy?token=secret")
    ('ftp://***@host/preds.npy', 'https://host/preds.npy?***')
    """
    if _URL.match(text) is not None:
        return _one_without_secrets(text)
    return _IN_A_TEXT.sub(lambda found: _one_without_secrets(found[0]), text)


def secrets_of(url: str) -> list[str]:
    """What a URL hides, whole and in its parts: libraries quote parts that they cannot read."""
    hidden = [found[0][:-1] for found in _USER.finditer(url)]
    if without_secrets(url).endswith(f"?{HIDDEN}"):
        hidden.append(url.partition("?")[2])
    parts = {part for one in hidden for part in (one, *re.split(r"[:/@&=?]", one)) if part}
    return sorted(parts, key=len, reverse=True)


def _one_without_secrets(url: str) -> str:
    place, mark, query = _USER.sub(f"{HIDDEN}@", url).partition("?")
    is_query = "=" in query or (mark and place.startswith("http"))  # elsewhere ? is a letter of a pattern
    return f"{place}?{HIDDEN}" if is_query else place + mark + query


def check_local(path: Any, name: str) -> None:
    """Refuse a URL where a file is written, or is both read and written."""
    if not isinstance(path, str | os.PathLike):
        return
    text = str(os.fspath(path))
    if _URL.match(text) is None and (_ONE_SLASH.match(text) is None or Path(text).parent.is_dir()):
        return
    url, file = _ONE_SLASH.sub(r"\1://", text), Path(text).name
    if url.startswith(LOCAL):
        raise ValueError(f"{name}: expected a path, got the URL {url!r}. Pass the path: {local_path(url)!r}.")
    raise ValueError(
        f"{name}: expected a path of this machine, got {without_secrets(url)!r}. alcore reads predictions from remote stores, and "
        f"reads and writes all other files on this machine. Pass {file!r}, and copy that file from or to the store."
    )


def refuse_one_slash(path: Path) -> None:
    """Refuse a path that was a URL: `pathlib.Path` removes one of its two slashes."""
    if _ONE_SLASH.match(str(path)):
        url = without_secrets(_ONE_SLASH.sub(r"\1://", str(path)))
        raise ValueError(
            f"{path}: no such file. If it is a URL, pass it as text, because Path removes a slash: {url!r}."
        )


def local_path(url: str) -> str:
    """The path of a URL of this machine's own files."""
    return url.split("://", 1)[1]

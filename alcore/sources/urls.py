"""Files and folders of remote stores, by fsspec: opened, listed, and their errors in one sentence without secrets."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from alcore import door

NAMED = 8  # files of a folder that are named where another one was asked for
REASON = 200  # characters of a library's error that are quoted
IN_ORDER = {"block_size": 8 << 20}  # a file that is read from its start: a block of rows at a time
SCATTERED = {"block_size": 1 << 20, "cache_type": "blockcache"}  # HDF5 looks up its chunks here and there. Keeps 32 MiB
DENIED = (
    "NoCredentials",
    "PartialCredentials",
    "CredentialRetrieval",
    "TokenRetrieval",
    "NoAuthTokenError",
    "Unauthorized",
)
UNANSWERED = (
    "ConnectionError",
    "ConnectorError",
    "TimeoutError",
    "ConnectionClosedError",
    "gaierror",
    "ServerDisconnected",
)


class File(Protocol):
    """A path of this machine (`pathlib.Path`), or a `Url`."""

    @property
    def suffix(self) -> str: ...

    def __fspath__(self) -> str: ...


@dataclass(frozen=True)
class Url:
    """A file or a folder of a remote store. As text it shows no secrets."""

    text: str

    def __str__(self) -> str:
        return door.without_secrets(self.text)

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

    def __fspath__(self) -> str:
        return self.text

    @property
    def suffix(self) -> str:
        return PurePosixPath(str(self).partition("?")[0]).suffix

    @property
    def name(self) -> str:
        return PurePosixPath(str(self).partition("?")[0]).name

    @property
    def protocol(self) -> str:
        return self._last.partition("://")[0]

    @property
    def _last(self) -> str:
        """Of a chain such as simplecache::s3://bucket/preds.npy: the part that says where the bytes come from."""
        return self.text.rpartition("::")[2]

    @property
    def lists(self) -> bool:
        """Whether its store can say what lies in a folder. A web server cannot."""
        return self.protocol not in ("http", "https")

    @property
    def has_query(self) -> bool:
        """Whether it names one file with a token of a web server, and no folder."""
        return not self.lists and "?" in self.text

    @property
    def is_pattern(self) -> bool:
        return "*" in self.text and self.lists

    def place(self) -> tuple[Any, str]:
        """The file system of fsspec, which knows nothing of earlier listings, and the path in it."""
        system, path = _fsspec(self).core.url_to_fs(self.text)
        system.invalidate_cache()
        return system, path

    def info(self, below: str = "") -> dict[str, Any] | None:
        """What the store says of a file or a folder. None where it has none of this name."""
        with self.reading("a file or a folder"):
            system, path = self.place()
            try:
                return dict(system.info(f"{path.rstrip('/')}/{below}" if below else path))
            except FileNotFoundError as error:
                cause = error.__cause__  # of a web server: the answer, or that there was none
                if not self.lists and isinstance(cause, Exception) and getattr(cause, "status", None) != 404:
                    raise cause from None
                return None

    def open(self, **how: Any) -> Any:
        """Its bytes, as a file. ``how``: IN_ORDER or SCATTERED."""
        system, path = self.place()
        return system.open(path, "rb", **how)

    def fitting(self) -> list[str]:
        """The URLs that fit a pattern."""
        with self.reading("files"):
            system, path = self.place()
            return sorted(map(system.unstrip_protocol, system.glob(path)), key=as_numbers)

    def state(self) -> list[tuple[str, str]]:
        """What the store says of each of its files, which changes when somebody writes to it."""
        with self.reading("files"):
            system, path = self.place()
            if not self.lists:
                return [(path, _version(system.info(path)))]
            return sorted((one, _version(info)) for one, info in system.find(path, detail=True).items())

    @contextmanager
    def reading(self, expected: str) -> Iterator[None]:
        """Turn what fsspec and the libraries behind it raise into one sentence, without secrets."""
        try:
            yield
        except Exception as error:
            if isinstance(error, ValueError | ImportError) and str(error).startswith(str(self)):  # said already
                raise
            said = self._said(error, expected)
            raise said from (error if str(self) == self.text else None)  # the cause may show the secret

    def _said(self, error: Exception, expected: str) -> Exception:
        reason = self._scrubbed(error)
        if isinstance(error, ImportError):
            missing = getattr(error.__cause__ or error, "name", None) or reason
            return ImportError(f"{self}: {self.protocol}:// needs {missing}: pip install {missing}.")
        if isinstance(error, FileNotFoundError):
            return ValueError(f"{self}: {self.nothing_there()}")
        if _is(error, PermissionError, DENIED) or getattr(error, "status", None) in (401, 403):
            return ValueError(
                f"{self}: the store denied access ({reason}). Set credentials that may read and list it, as its other users "
                f"do: in the environment{_EXAMPLES.get(self.protocol, '')}, or in fsspec's configuration."
            )
        if _is(error, (ConnectionError, TimeoutError), UNANSWERED):
            return ValueError(
                f"{self}: the server does not answer ({reason}). Check the network, and the server's address"
                f"{_ADDRESSES.get(self.protocol, '')}."
            )
        if "Protocol not known" in reason:
            return ValueError(
                f"{self}: expected a URL that fsspec knows, such as s3://bucket/preds.zarr, got one that begins with "
                f"{self.protocol}://. See which there are: fsspec.available_protocols()."
            )
        remedy = self.copying()
        if not isinstance(error, OSError):
            remedy = "Write it again as an array of numbers: np.save(path, array). alcore never unpickles a file."
        if "Python objects" in reason:
            reason = "it holds pickled objects"
        return ValueError(f"{self}: expected {expected}, but it cannot be read: {reason}. {remedy}")

    def copying(self) -> str:
        """The remedy where a remote file cannot be read in blocks."""
        copy = self.name or "copy"
        return (
            f"Copy it first: import fsspec; fs, path = fsspec.url_to_fs({str(self)!r}); fs.get(path, {copy!r}, recursive=True); "
            f"alcore.open_predictions({copy!r})"
        )

    def nothing_there(self) -> str:
        """That nothing has this name, and what there is beside it."""
        if not self.lists:
            return "no such file or folder. Check its name."
        try:
            system, path = self.place()
            return "no such file or folder. " + _beside(system, path.rstrip("/"))
        except Exception as error:  # of any library: the folder can be looked into no more than the file
            return f"no such file or folder ({self._scrubbed(error)})."

    def _scrubbed(self, error: Exception) -> str:
        """The reason without what the URL and fsspec's configuration hide."""
        reason = str(error) if str(error).strip() else type(error).__name__
        for secret in (*door.secrets_of(self.text), *_configured(self.protocol)):
            reason = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", door.HIDDEN, reason)
        return " ".join(door.without_secrets(reason)[:REASON].split()).rstrip(".")


_EXAMPLES = {"s3": " (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=true for a public bucket)"}
_ADDRESSES = {"s3": " (FSSPEC_S3_ENDPOINT_URL, for a store that is not Amazon's)"}


def as_file(path: Any, name: str = "path") -> Path | Url:
    """A path of this machine, or a URL of a remote store. URLs of this machine's own files are paths."""
    if not door.is_url(path):
        return door.as_path(path, name)
    text = path.text if isinstance(path, Url) else str(path)
    return Path(door.local_path(text)) if text.startswith(door.LOCAL) else Url(text)


def as_numbers(name: str) -> list[tuple[int, str]]:
    """What orders names by their numbers: part_2 comes before part_10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _fsspec(url: Url) -> Any:
    try:
        return importlib.import_module("fsspec")  # which imports its own core
    except ImportError as error:
        raise ImportError(f"{url}: a remote store needs fsspec: pip install 'alcore[remote]'.") from error


def _is(error: BaseException | None, types: Any, names: tuple[str, ...]) -> bool:
    """Whether the error, or one that led to it, is of these types or has such a name: libraries have types of their own."""
    while error is not None:
        every = [kind.__name__ for kind in type(error).__mro__]
        if isinstance(error, types) or any(name in kind for kind in every for name in names):
            return True
        error = error.__cause__
    return False


def _configured(protocol: str) -> list[str]:
    """Secrets of fsspec's configuration."""
    found = importlib.import_module("fsspec.config").conf.get(protocol, {})
    hidden = ("secret", "password", "token", "key")
    return [value for name, value in found.items() if isinstance(value, str) and value and name.lower() in hidden]


def _version(info: Any) -> str:
    parts = [info.get(name) for name in ("size", "ETag", "etag", "LastModified", "mtime", "created", "md5")]
    return " ".join(str(part) for part in parts if part is not None)


def _beside(system: Any, path: str) -> str:
    """What the nearest folder has that is there."""
    name, parent = path.rpartition("/")[2], path.rpartition("/")[0]
    while name:
        try:
            names = sorted(str(one).rstrip("/").rpartition("/")[2] for one in system.ls(parent, detail=False))
        except FileNotFoundError:
            names = []
        if names:
            near = difflib.get_close_matches(name, names, 1) or names[:NAMED]
            more = f" and {len(names) - len(near)} more" if len(names) > len(near) else ""
            return f"{parent or 'The store'} has {', '.join(near)}{more}. Name one of them."
        if not parent:
            break
        name, parent = parent.rpartition("/")[2], parent.rpartition("/")[0]
    return f"There is no {name} either. Check the name of the bucket or folder."

"""What the readers of every file format share: one sentence for any damage, the choice of a member, and optional libraries."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REASON = 200  # characters of a reader's error that are quoted: zipfile quotes everything in the place of a name


class NoMember(ValueError):  # noqa: N818 - said to users as a ValueError
    """The file can be read, but it does not have the array asked for, or has several and none was named."""


@contextmanager
def reading_file(file: Path, expected: str) -> Iterator[None]:
    """Turn what readers raise on damaged files, which can be any exception, into one sentence."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error)[:REASON].split()).rstrip(".") or type(error).__name__
        if "Python objects" in reason:
            reason = "it holds pickled objects"
        raise ValueError(
            f"{file}: expected {expected}, but it cannot be read: {reason}. Write it again as an array of numbers: "
            "np.save(path, array). alcore never unpickles a file."
        ) from error


def choose(file: Path, names: list[str], member: str | None, default: str | None) -> str:
    """The member to read."""
    listed = ", ".join(repr(name) for name in sorted(names))
    if not names:
        raise ValueError(f"{file}: expected at least one array, got none.")
    if member is None and len(names) == 1:
        return names[0]
    if member is None and default in names:
        return str(default)
    if member is None:
        raise NoMember(
            f"{file}: expected one array, got members {listed}. Name one: member={names[0]!r} (on the command line: --member "
            f"{names[0]})."
        )
    if member not in names:
        raise NoMember(f"{file}: expected one of the members {listed}, got {member!r}.")
    return member


def refuse_member(file: Path, member: str | None) -> None:
    """Refuse a member of a file that has none."""
    if member is not None:
        raise NoMember(
            f"{file}: expected no member, as the file holds one array and no members, got member {member!r}. Leave member out."
        )


def import_extra(module: str, extra: str, doing: str) -> Any:
    """A library that is not always there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{doing} this file needs {module}: pip install 'alcore[{extra}]'.") from error

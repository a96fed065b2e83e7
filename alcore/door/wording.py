"""What refusals quote: a value or another error in a few words on one line, and a word of a command that a shell runs."""

from __future__ import annotations

import os
import shlex
from reprlib import Repr
from typing import Any

from alcore.door.urls import without_secrets

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 60


def shown(value: Any) -> str:
    """A value as Python writes it, cut short: an array or a long text would fill the screen."""
    try:
        return without_secrets(" ".join(_SHORT.repr(value).split()))
    except ValueError:  # a whole number of more digits than Python writes
        return type(value).__name__


def first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0].rstrip(".")


def word(text: str | os.PathLike[str]) -> str:
    """A text or the name of a file as one word of a command line.

    >>> word("run.db"), word("my run.db")
    ('run.db', "'my run.db'")
    """
    return shlex.quote(os.fspath(text))

"""What is said on the screen: results, notes beside them, and what is refused in one sentence with exit code 2."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
import typer.core
from rich.console import Console
from rich.markup import escape

import alcore

out, err = Console(emoji=False), Console(stderr=True, emoji=False)


class OneSentence(typer.core.TyperGroup):
    """Wrong arguments are one sentence and exit code 2, as wrong files are, not a page of usage."""

    def main(self, *args: Any, **extra: Any) -> Any:
        if not extra.get("standalone_mode", True):
            return super().main(*args, **extra)
        try:
            code = super().main(*args, **(extra | {"standalone_mode": False}))
        except Exception as error:
            kind = type(error).__name__  # typer's own copies of click's exceptions have no public module
            if kind == "Abort":
                sys.exit(130)
            if not hasattr(error, "format_message"):
                raise
            print_error(f"{error.format_message().rstrip('.')}. See alcore --help.")
            sys.exit(2)
        sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def one_sentence() -> Iterator[None]:
    """What alcore refuses is one sentence and exit code 2, not a traceback; what it warns users of is a note."""
    try:
        with _warnings_as_notes():
            yield
    except (ValueError, TypeError, ImportError, OSError, MemoryError) as error:
        print_error(str(error))
        raise typer.Exit(2) from error


def print_error(text: str) -> None:
    err.print(f"[bold red]error:[/] {escape(' '.join(text.split()))}", highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """Beside the results, which may be piped into a file."""
    err.print(f"[bold yellow]note:[/] {escape(' '.join(text.split()))}", highlight=False, soft_wrap=True)


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """A line instead of one with the place in the source where it was raised."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def say_in_a_line(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, alcore.SaturationWarning):
                note(str(message))
            else:
                show(message, category, *place, **more)

        warnings.simplefilter("always", alcore.SaturationWarning)
        warnings.showwarning = say_in_a_line
        yield


def say(text: str) -> None:
    out.print(escape(text), highlight=False, soft_wrap=True)

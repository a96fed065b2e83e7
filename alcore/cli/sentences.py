"""What the commands print on the screen: results, notes beside them, and errors on one line with exit code 2."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
import typer.core
from rich.console import Console
from rich.markup import escape

import alcore
from alcore.cli.remedies import as_commands

PLAINER = {
    "Input should be a valid integer, unable to parse string as an integer": "expected a whole number",
    "Input should be a valid number, unable to parse string as a number": "expected a number",
}
out, err = Console(emoji=False), Console(stderr=True, emoji=False)


class OneSentence(typer.core.TyperGroup):
    """Wrong arguments end with one line and exit code 2, as wrong files do, and not with a page of usage."""

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
            print_error(_usage(error))
            sys.exit(2)
        sys.exit(code if isinstance(code, int) else 0)


def _usage(error: Any) -> str:
    """What is wrong with the arguments, and the help of the command that they were meant for."""
    text = error.format_message().rstrip(".")
    for theirs, ours in PLAINER.items():
        text = text.replace(theirs, ours)
    path = getattr(getattr(error, "ctx", None), "command_path", "")
    command = " ".join(["alcore", *path.split()[1:]])
    return f"{text}{'' if text.endswith('?') else '.'} See {command} --help."


@contextmanager
def one_sentence(run: Path | None = None) -> Iterator[None]:
    """Print errors of alcore on one line and exit with code 2, without a traceback. Print warnings as notes.

    Remedies are command lines. ``run`` is the ledger's file, which they name.
    """
    try:
        with _warnings_as_notes():
            yield
    except (ValueError, TypeError, ImportError, OSError, MemoryError) as error:
        print_error(as_commands(str(error), run))
        raise typer.Exit(2) from error


def print_error(text: str) -> None:
    err.print(f"[bold red]error:[/] {escape(_one_line(text))}", highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """Print a note on the error stream, because results may be piped into a file."""
    err.print(f"[bold yellow]note:[/] {escape(_one_line(text))}", highlight=False, soft_wrap=True)


def _one_line(text: str) -> str:
    """Lines become one. Blanks inside a line stay, because they may be those of a file's name or an id."""
    return " ".join(filter(None, map(str.strip, text.splitlines())))


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Print alcore's warnings on one line, without the place in the source code."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def say_in_a_line(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, alcore.SaturationWarning | alcore.ChunkWarning):
                note(str(message))
            else:
                show(message, category, *place, **more)

        warnings.simplefilter("always", alcore.SaturationWarning)
        warnings.simplefilter("default", alcore.ChunkWarning)  # once, however many passes a command makes
        warnings.showwarning = say_in_a_line
        yield


def say(text: str) -> None:
    out.print(escape(text), highlight=False, soft_wrap=True)

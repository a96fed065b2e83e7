"""The commands of ``alcore ledger`` that take single ids: set them aside, free them, add them, and show what happened to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alcore.cli.ledger_options import IdsFrom, IdsGiven, Run, ids_given, open_ledger, read_lines
from alcore.cli.ledger_tables import history_table
from alcore.cli.ledger_update import say_updates
from alcore.cli.sentences import one_sentence, out, say
from alcore.door.wording import word
from alcore.ledger import Ledger


def set_aside(run: Run, ids: IdsGiven = None, ids_from: IdsFrom = None) -> None:
    """Take ids out of the pool that cannot or need not be labelled."""
    with one_sentence(run), open_ledger(run) as ledger:
        given = ids_given(ledger, ids, ids_from)
        ledger.set_aside(given)
        say(f"{_count(given)} set aside")


def restore(run: Run, ids: IdsGiven = None, ids_from: IdsFrom = None) -> None:
    """Make ids free again that were set aside."""
    with one_sentence(run), open_ledger(run) as ledger:
        given = ids_given(ledger, ids, ids_from)
        ledger.restore(given)
        say(_free_again(given))


def unlabel(run: Run, ids: IdsGiven = None, ids_from: IdsFrom = None) -> None:
    """Remove the labels of ids, which are free again. The labels stay in the history."""
    with one_sentence(run), open_ledger(run) as ledger:
        given = ids_given(ledger, ids, ids_from)
        ledger.unlabel(given)
        say(f"{len(given):,} {'label' if len(given) == 1 else 'labels'} removed, {_free_again(given)}")


def add(run: Run, ids: IdsGiven = None, ids_from: IdsFrom = None) -> None:
    """Add ids to the pool: names, or how many if the ids are numbers."""
    with one_sentence(run), open_ledger(run) as ledger:
        before = len(ledger)
        ledger.add(_new_ids(ledger, ids, ids_from, run))
        say(f"{len(ledger) - before:,} ids added -> {len(ledger):,} ids")


def history(run: Run, ids: IdsGiven = None, ids_from: IdsFrom = None) -> None:
    """Show what happened to ids: when they were asked, labelled, set aside and freed, and by whom."""
    with one_sentence(run), open_ledger(run, readonly=True) as ledger:
        events = ledger.history(ids_given(ledger, ids, ids_from))
        out.print(history_table(ledger, events))
        say_updates(ledger.updates(), (event["query"] for event in events if event["query"] is not None))


COMMANDS: dict[str, Callable[..., None]] = {
    "set-aside": set_aside,
    "restore": restore,
    "unlabel": unlabel,
    "add": add,
    "history": history,
}


def _new_ids(ledger: Ledger, ids: list[str] | None, ids_from: Path | None, run: Path) -> list[str] | int:
    if ledger.named:
        if not ids and ids_from is None:
            raise ValueError("ids: expected names, got none. Write them after RUN.db, or name a file: --ids-from FILE.")
        return [*(ids or ()), *([] if ids_from is None else read_lines(ids_from))]
    if ids_from is not None or not ids or len(ids) > 1 or not (ids[0].isascii() and ids[0].isdecimal()):
        got = f"the file {ids_from}" if ids_from is not None else " ".join(ids or ()) or "nothing"
        raise ValueError(
            f"ids: expected how many ids to add, as this ledger's ids are numbers, got {got}. Write: "
            f"alcore ledger add {word(run)} 10."
        )
    return int(ids[0])


def _count(ids: list[str] | list[int]) -> str:
    return f"{len(ids):,} {'id' if len(ids) == 1 else 'ids'}"


def _free_again(ids: list[str] | list[int]) -> str:
    return f"{_count(ids)} {'is' if len(ids) == 1 else 'are'} free again"

"""``alcore ledger sync``: what the ledger asks becomes tasks of Label Studio, and what annotators do there is recorded."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer

from alcore.cli.ledger_options import Data, DataFrom, Run, open_ledger, templates_of
from alcore.cli.sentences import note, one_sentence, say
from alcore.ledger.shown import Shown
from alcore.ledger.sync.client import REFUSED, TOKEN, Client, ServerError, Unreachable
from alcore.ledger.sync.label_studio_project import Project
from alcore.ledger.sync.sync import POLL, Round, Sync


def sync(
    run: Run,
    label_studio: Annotated[
        str, typer.Option(help="The address of Label Studio, such as http://localhost:8080.", show_default=False)
    ],
    project: Annotated[
        int, typer.Option(help="The number of the project, as in its address: /projects/NUMBER.", show_default=False)
    ],
    asker: Annotated[
        str | None, typer.Option(help="Push the open query of this asker only. Default: the open queries of all.")
    ] = None,
    watch: Annotated[
        float | None, typer.Option(min=1, help="Repeat every so many seconds, until Ctrl-C. Default: once.")
    ] = None,
    data: Data = None,
    data_from: DataFrom = None,
) -> None:
    """Push what is asked to a project of Label Studio, and take the labels that are there. The token is in LABEL_STUDIO_API_KEY."""
    with one_sentence(run), open_ledger(run) as ledger:
        client, shown = Client(label_studio, os.environ.get(TOKEN, "")), Shown(templates_of(data, data_from), data_from)
        rounds = Sync(ledger, Project(client, project), asker, shown, watch or POLL)
        if watch is None:
            _print(rounds.round(), set(), always=True)
        else:
            _watch(rounds, watch)


def _watch(rounds: Sync, seconds: float) -> None:
    told: set[str] = set()
    say(f"{rounds.project.name}: every {seconds:g} s, until Ctrl-C")
    try:
        while True:
            start = time.monotonic()
            try:
                done = rounds.round(patience=seconds / 4)
                told = _print(done, told, always=rounds.rounds <= 1)
            except (Unreachable, ServerError) as error:
                if getattr(error, "status", None) in REFUSED:
                    raise
                note(f"{error} The next try is in {seconds:g} s.")
            time.sleep(max(0.0, seconds - (time.monotonic() - start)))
    except KeyboardInterrupt:
        say("stopped. Everything that was taken is recorded.")


def _print(done: Round, told: set[str], always: bool) -> set[str]:
    """Print what happened. A problem is printed once as long as it lasts. Returns the problems."""
    problems = {*done.taken.problems, *done.notes}
    text = done.text()
    if text or always:
        moment = time.strftime("%H:%M:%S")
        say(f"{moment} {text or 'nothing to do'}; {done.waiting:,} tasks wait for a label")
    for problem in dict.fromkeys([*done.taken.problems, *done.notes]):
        if problem not in told:
            note(problem)
    return problems

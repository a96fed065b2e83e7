"""The command line: ``alcore score | select | bench | ledger``.

`predictions`, `ledger`, `ledger_ids` and `sync` have the commands, `options` and `ledger_options` what several take, `arguments`
reads files. `sentences`, `remedies`, `tables` and `ledger_tables` print. Imports all other folders, and nothing imports it. A new
command joins the file of its kind, a new option a group in `options`, the command line of a remedy `remedies`.
"""

from __future__ import annotations

from typing import Annotated

try:
    import rich  # noqa: F401
    import typer
except ImportError as error:
    raise SystemExit(f"alcore: the command line needs typer and rich: pip install 'alcore[cli]' ({error})") from error

import alcore
from alcore.cli import ledger, predictions
from alcore.cli.sentences import OneSentence, out

app = typer.Typer(
    cls=OneSentence,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (predictions.score, predictions.select, predictions.bench):
    app.command()(command)
app.add_typer(ledger.app, name="ledger")


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Choose what to label next, from saved predictions of shape (N, C, ..., T): rows, classes, event axes, draws."""
    if version:
        out.print(alcore.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)

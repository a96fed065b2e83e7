"""Groups of options that several commands take, each option declared once.

A command takes a group as one argument, ``predictions: PredictionOptions``, under `expand_options`, which shows its fields as the
options of the command. A new option joins one group, and every command that takes it has it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

Command = TypeVar("Command", bound=Callable[..., None])

File = Annotated[Path, typer.Argument(help="Predictions: .npy, .npz, .zarr, .h5 or .hdf5.", show_default=False)]
Count = Annotated[int, typer.Option("-k", help="Query size.")]
Seed = Annotated[int | None, typer.Option(help="Seed of what is drawn at random.")]


@dataclass(frozen=True)
class PredictionOptions:
    """How the predictions of a file are read."""

    member: Annotated[str | None, typer.Option(help="The array to read where the file holds several.")] = None
    kind: Annotated[str, typer.Option(help="probs, or logits to have the softmax over axis 1 taken.")] = "probs"
    weights: Annotated[Path | None, typer.Option(help="A .npy file with one weight a draw.")] = None
    mask: Annotated[
        Path | None, typer.Option(help="A .npy file of booleans (N, ...), true where a cell is padding.")
    ] = None


@dataclass(frozen=True)
class HeuristicOptions:
    """What a heuristic is made with, beside its name."""

    reduce: Annotated[str | None, typer.Option(help="Event axes to rows: mean, sum, max or top-mean.")] = None
    share: Annotated[float, typer.Option(help="The share of cells that top-mean averages.")] = 0.1
    floor: Annotated[float | None, typer.Option(help="Smallest probability that pairwise-kl takes.")] = None
    targets: Annotated[
        Path | None,
        typer.Option(help="For EPIG: .npy, or a file with the member target; default FILE itself."),
    ] = None


@dataclass(frozen=True)
class NamedOptions:
    """Which heuristic."""

    heuristic: Annotated[
        str, typer.Option("--heuristic", "-H", help="Such as bald, entropy, epig, power-bald, batchbald.")
    ] = "bald"


@dataclass(frozen=True)
class BatchOptions:
    """How a heuristic chooses a batch."""

    beta: Annotated[float | None, typer.Option(help="Coldness of power-, softmax- and softrank- heuristics.")] = None
    samples: Annotated[int | None, typer.Option(help="Label configurations that batchbald and batch-epig sample.")] = (
        None
    )
    exact: Annotated[int | None, typer.Option(help="Configurations x classes up to which their gains are exact.")] = (
        None
    )
    fill: Annotated[
        str | None,
        typer.Option(
            help="What fills batchbald and two-bald once draws are exhausted: power-bald, random, bald, stop."
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def expand_options(command: Command) -> Command:
    """A command whose groups of options are shown one by one."""
    hints = get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    groups = {name: hints[name] for name in signature.parameters if is_dataclass(hints[name])}
    shown: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name in groups:
            own = get_type_hints(groups[name], include_extras=True)
            shown += [_option(field.name, own[field.name], field.default) for field in fields(groups[name])]
        else:
            shown.append(_option(name, hints[name], parameter.default))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return run  # type: ignore[return-value]


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

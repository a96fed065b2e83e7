"""Groups of options that several commands share. Each option is declared once.

A command takes a group as one argument, such as ``read: PredictionOptions``. `expand_options` shows the fields of the group as
options of the command. A new option joins one group, and every command with this group has it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from alcore.sources.urls import File, as_file

Command = TypeVar("Command", bound=Callable[..., None])

FILES = "Predictions: .npy, .npz, zarr or HDF5, a path or a URL. Several files, or a pattern such as 'preds/*.npy', are one pool."
Files = Annotated[list[File], typer.Argument(metavar="FILE", help=FILES, show_default=False, parser=as_file)]
Count = Annotated[int, typer.Option("-k", help="Query size: how many rows to choose.")]


def file_option(help: str) -> Any:
    """An option that takes a path or the URL of a remote store. `pathlib.Path` would remove a slash of the URL."""
    return typer.Option(help=help, parser=as_file, metavar="<path>")


Seed = Annotated[int | None, typer.Option(help="Seed of the random numbers.")]


@dataclass(frozen=True)
class PredictionOptions:
    """How the predictions of a file are read."""

    member: Annotated[str | None, typer.Option(help="Name of the array to read, if the file has several.")] = None
    kind: Annotated[
        str,
        typer.Option(
            help="What the predictions are: probs or logits of classes, binary or binary_logits for one yes or no, multilabel or "
            "multilabel_logits for several, mean for numbers."
        ),
    ] = "probs"
    over_labels: Annotated[
        str, typer.Option(help="How the scores of several labels become one score per row: sum, mean or max.")
    ] = "sum"
    axes: Annotated[
        str | None,
        typer.Option(
            help="The order of the axes, such as TNC. N: rows, C: classes, T: draws (or S and D: chains and draws). Other letters: "
            "event axes. NC: one prediction per row. Default: N, C, event axes, T."
        ),
    ] = None
    offsets: Annotated[
        str | None,
        typer.Option(
            help="For rows of different size, such as the boxes of an image: a file (N + 1,) of the offsets that cut FILE into "
            "rows, or the name of a member of FILE. Needs --reduce."
        ),
    ] = None
    weights: Annotated[File | None, file_option(help="A .npy file (T,) with one weight per draw.")] = None
    variance: Annotated[
        str | None,
        typer.Option(
            help="With --kind mean: the variance of the noise. A number, one per output such as 0.5,2, or a file whose axes lie as "
            "those of FILE, with draws or without.",
        ),
    ] = None
    output_weights: Annotated[
        str | None, typer.Option(help="With --kind mean: one factor per output, such as 1,0.5. Default: 1 each.")
    ] = None
    mask: Annotated[
        File | None,
        file_option(
            help="A .npy file of booleans (N, ...). True marks cells that are padding. With --ignore-index: labels."
        ),
    ] = None
    ignore_index: Annotated[
        int | None,
        typer.Option(help="The label of cells that do not count, such as 255. Then --mask is a file of labels."),
    ] = None


@dataclass(frozen=True)
class HeuristicOptions:
    """The options that make a heuristic, beside its name."""

    reduce: Annotated[
        str | None, typer.Option(help="How cells become one score per row: mean, sum, max or top-mean.")
    ] = None
    share: Annotated[float, typer.Option(help="The share of cells with the highest scores that top-mean averages.")] = (
        0.1
    )
    empty: Annotated[
        float | None, typer.Option(help="The score of a row without cells, such as an image without boxes.")
    ] = None
    floor: Annotated[float | None, typer.Option(help="pairwise-kl raises smaller probabilities to this floor.")] = None
    targets: Annotated[
        File | None, file_option(help="Targets for EPIG: .npy, or a file with the member target. Default: FILE itself.")
    ] = None
    target_variance: Annotated[
        str | None,
        typer.Option(
            help="With --kind mean: the variance of the targets' noise. Default: --variance, if a number.",
        ),
    ] = None


@dataclass(frozen=True)
class LabelOptions:
    """Where a file has ids and labels, and what counts where annotators differ."""

    agree: Annotated[
        str,
        typer.Option(
            help="What counts where annotators differ: all (nothing), majority, one=NAME, or ground-truth (of Label Studio)."
        ),
    ] = "all"
    id: Annotated[str | None, typer.Option(help="The key with the id. Dots lead deeper: meta.id.")] = None
    label: Annotated[
        str | None,
        typer.Option(
            help="The key with the label, such as annotations.0.label. In Label Studio: the control. In Argilla: the question."
        ),
    ] = None
    annotator_key: Annotated[str | None, typer.Option(help="The key with the name of the annotator.")] = None
    answer: Annotated[
        str | None, typer.Option(help="KEY=VALUE: other records have no label, such as answer=accept.")
    ] = None

    def given(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class NamedOptions:
    """Which heuristic."""

    heuristic: Annotated[
        str,
        typer.Option(
            "--heuristic", "-H", help="Name of the heuristic, such as bald, entropy, epig, power-bald or batchbald."
        ),
    ] = "bald"


@dataclass(frozen=True)
class BatchOptions:
    """How a heuristic chooses a batch."""

    beta: Annotated[
        float | None,
        typer.Option(
            help="Coldness of power-, softmax- and softrank- heuristics. Larger values choose more by score, less at random."
        ),
    ] = None
    samples: Annotated[
        int | None, typer.Option(help="How many label configurations batchbald and batch-epig sample.")
    ] = None
    exact: Annotated[
        int | None,
        typer.Option(help="Gains of batchbald and batch-epig are exact up to this many configurations x classes."),
    ] = None
    positions: Annotated[
        int | None,
        typer.Option(help="At how many pixels or tokens batchbald compares rows that are maps or sequences."),
    ] = None
    fill: Annotated[
        str | None,
        typer.Option(
            help="How batchbald and two-bald fill the batch when draws are exhausted: power-bald, random, bald or stop."
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class UpdateOptions:
    """How predictions learn labels that came since they were made."""

    update: Annotated[
        bool,
        typer.Option(
            "--update", help="Let the predictions learn the labels that came since they were made. Needs --trained-on."
        ),
    ] = False
    trained_on: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="The labels that the model was trained on: a file with their ids (an export of the ledger, or a text file with "
            "one id per line), the number of the first query that was asked with these predictions, or none.",
        ),
    ] = None
    scale: Annotated[
        float | None, typer.Option(help="With --update: the scale of the draws' spread. Default: by evidence.")
    ] = None
    draws: Annotated[int, typer.Option(help="With --update: how many draws are ranked.")] = 100
    classes: Annotated[
        str | None,
        typer.Option(
            help="With --update: the label of each class, in the order of axis 1, such as cat,dog. Default: the classes of the "
            "ledger, or numbers from 0 on."
        ),
    ] = None
    leave_out: Annotated[
        bool,
        typer.Option("--leave-out", help="With --update: learn nothing from ids without a row in the predictions."),
    ] = False


def expand_options(command: Command) -> Command:
    """Show the options of a command's groups one by one."""
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

"""The networks of an ensemble: all in memory, or loaded from files into one model in turn."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from alcore.adapting.ids import Before, Ids
from alcore.adapting.predictions import predict
from alcore.adapting.request import Request
from alcore.door import Array
from alcore.sources.files import whole_file
from alcore.sources.writing import beside_path, concatenate_draws


class Member(Protocol):
    """Runs the members that are loaded in turn: begins each with its request, then is called with a batch, a block and a draw."""

    def begin(self, request: Request) -> None: ...

    def __call__(self, batch: Any, block: int, draw: int) -> Array: ...


@dataclass(frozen=True)
class Checkpoints:
    """An ensemble on disk: weights that are loaded into one model, one member at a time.

    Args:
        model: what the weights fit.
        paths: files of weights, a member each.
    """

    model: Any
    paths: Sequence[str | os.PathLike[str]]


def as_members(model: Any, kinds: Any, said: str) -> list[Any]:
    """A list of a model, or of the several of an ensemble; each is one of ``kinds``."""
    members = list(model) if isinstance(model, list | tuple) else [model]
    if not members or not all(isinstance(one, kinds) for one in members):
        raise TypeError(f"model: expected {said} or several, got {type(model).__name__}.")
    return members


def predict_in_turn(
    members: Sequence[Callable[[], None]],
    batches: Callable[[], Iterable[Any]],
    run: Member,
    request: Request,
    *,
    rows: int | None,
    out: str | os.PathLike[str] | None,
    mask: Callable[[Any], Any] | None = None,
    ids: Ids | None = None,
    progress: bool = True,
) -> Any:
    """Predict with members that do not fit into memory together: all rows with each that is loaded; ``out`` joins their draws.

    The predictions of a member stay beside ``out`` until all are there: a run that was killed goes on with the member it was at.
    With ``ids`` all members must have the same rows in the same order, else their draws would not be of one row.
    """
    once = batches()
    if once is batches() and isinstance(once, Iterator):
        raise ValueError(
            "data: an iterator gives its batches once, and each checkpoint needs them. Pass a list or a loader."
        )
    if out is None:
        raise ValueError(
            "out: members loaded one at a time each predict all rows, so their draws are joined in a file: out=..."
        )
    target, files = Path(out), list[Path]()
    given: dict[str, Any] = {"rows": rows, "mask": mask, "ids": ids, "progress": progress}
    for place, load in enumerate(members):
        file = target.with_name(f"{target.stem}.member-{place}{target.suffix}")
        if not file.exists():
            load()
            own = replace(request, first=request.first + place * request.draws)
            run.begin(own)
            before = _rows_of(files[0], target) if files and ids is not None else None
            predict(batches(), [run], own, out=file, before=before, **given)
        files.append(file)
    for name in ("mask", "ids"):
        if given[name] is not None:
            _keep(beside_path(files[0], name), beside_path(target, name))
    joined = concatenate_draws(files, target)
    for file in files:
        for name in ("mask", "ids"):
            beside_path(file, name).unlink(missing_ok=True)
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    return joined


def _rows_of(first: Path, target: Path) -> Before:
    """Which rows the first member predicted."""
    mine = f"{target.stem}.member-*"
    _check_there(beside_path(first, "ids"))
    remedy = (
        "Pass data whose order stays: a loader with shuffle=False, or list(loader) and an out=... that ends in .zarr; delete "
        f"{mine} to begin again."
    )
    return Before(np.load(beside_path(first, "ids"), allow_pickle=False), remedy)


def _keep(source: Path, target: Path) -> None:
    """A copy, which is there before the predictions are."""
    _check_there(source)
    with whole_file(target) as file:
        file.write(source.read_bytes())


def _check_there(file: Path) -> None:
    if not file.exists():
        raise ValueError(
            f"{file}: not there: its member was predicted without what is asked for now. Ask for the same, or delete "
            f"{file.name.partition('.member-')[0]}.member-* to begin again."
        )


def predict_members(
    runs: Sequence[Any],
    batches: Callable[[], Iterable[Any]],
    request: Request,
    loads: Sequence[Callable[[], None]] | None,
    restore: Callable[[], None] | None = None,
    **given: Any,
) -> Any:
    """Predict with members in memory, or with one into which each of ``loads`` writes other weights, and ``restore`` its own."""
    if loads is None:
        return predict(batches(), runs, request, **given)
    try:
        return predict_in_turn(loads, batches, runs[0], request, **given)
    finally:
        if restore is not None:
            restore()

"""The networks of an ensemble: all in memory, or loaded from files into one model in turn."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from alcore.adapting.predictions import predict
from alcore.adapting.request import Request
from alcore.door import Array
from alcore.sources.writing import concatenate_draws, mask_path


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
    progress: bool = True,
) -> Any:
    """Predict with members that do not fit into memory together: all rows with each that is loaded; ``out`` joins their draws.

    The predictions of a member stay beside ``out`` until all are there: a run that was killed goes on with the member it was at.
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
    target, files = Path(out), []
    for place, load in enumerate(members):
        file = target.with_name(f"{target.stem}.member-{place}{target.suffix}")
        if not file.exists():
            load()
            own = replace(request, first=request.first + place * request.draws)
            run.begin(own)
            predict(batches(), [run], own, rows=rows, out=file, mask=mask, progress=progress)
        files.append(file)
    joined = concatenate_draws(files, target)
    if mask_path(files[0]).exists():
        os.replace(mask_path(files[0]), mask_path(target))
    for file in files:
        mask_path(file).unlink(missing_ok=True)
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    return joined


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

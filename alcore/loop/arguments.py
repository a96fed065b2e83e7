"""Checks of a loop's arguments. All of them run before anything is asked."""

from __future__ import annotations

from typing import Any

from alcore import door
from alcore.heuristics import Heuristic
from alcore.ledger import Ledger, LedgerError, Update
from alcore.loop.noise import check_noise
from alcore.loop.wait import Wait
from alcore.stopping.criterion import Stopping

OF_UPDATES = ("scale", "draws", "classes")


def check_arguments(loop: Any) -> None:
    if not isinstance(loop.ledger, Ledger):
        raise TypeError(
            f"ledger: expected a Ledger, got {type(loop.ledger).__name__}. Make one: Ledger.open('run.db', size=N)."
        )
    if loop.ledger.readonly:
        raise LedgerError(
            "ledger: expected a ledger that can be written, as the loop records each step, got one that was opened with "
            "readonly=True. Open it to write: Ledger.open(path)."
        )
    _check_functions(loop)
    if loop.stop is not None and not isinstance(loop.stop, Stopping):
        raise TypeError(f"stop: expected a criterion of alcore.stopping, such as LabelBudget(100), got {loop.stop!r}.")
    door.as_size(loop.k, "k")
    door.as_count(loop.start, "start")
    door.as_count(loop.seed, "seed")
    check_noise(loop.variance)
    _check_cycle(loop)


def _check_functions(loop: Any) -> None:
    for name in ("train", "predict", *(() if isinstance(loop.oracle, Wait) else ("oracle",))):
        if not callable(getattr(loop, name)):
            raise TypeError(f"{name}: expected a function, got {type(getattr(loop, name)).__name__}.")
    for name in ("metrics", "targets", "predicted"):
        if getattr(loop, name) is not None and not callable(getattr(loop, name)):
            raise TypeError(f"{name}: expected a function of the model, got {type(getattr(loop, name)).__name__}.")
    if loop.targets is None and not isinstance(loop.heuristic, Heuristic):
        raise TypeError(
            f"heuristic: expected a heuristic of alcore, such as BALD(), got {loop.heuristic!r}. With targets: "
            "heuristic=EPIG, targets=lambda model: predictions."
        )
    if loop.targets is not None and isinstance(loop.heuristic, Heuristic):
        raise TypeError(
            "heuristic: expected a function of the targets' predictions, as targets is given, got a heuristic object. Pass "
            "heuristic=EPIG, or leave targets out."
        )


def _check_cycle(loop: Any) -> None:
    every = door.as_size(loop.train_every, "train_every")
    if loop.update is not None:
        if every == 1:
            raise ValueError(
                "update: expected None, as each query has a model of its own, got options of updates. Leave update out, or train "
                "less often: train_every=5."
            )
        unknown = [name for name in loop.update if name not in OF_UPDATES]
        if unknown:
            raise TypeError(
                f"update: expected the options {', '.join(OF_UPDATES)}, got {unknown[0]!r}. Leave {unknown[0]} out."
            )
        Update([], **loop.update)
    if every > 1 and loop.sample is not None and loop.sample < loop.k * every:
        raise ValueError(
            f"sample: expected at least k · train_every = {loop.k * every} ids, as they are asked until the next training, got "
            f"{loop.sample}. Pass sample={loop.k * every}."
        )

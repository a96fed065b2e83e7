"""What adapters refuse, in the same words whatever the framework."""

from __future__ import annotations

from typing import NoReturn


def refuse_inconsistent(name: str) -> NoReturn:
    raise ValueError(
        f"consistent: what {name} says of a row depends on its place among the rows, so draws are not one network for every "
        "row: a layer draws noise of its own, or rows are mixed. consistent=False serves row-wise heuristics."
    )


def refuse_unknown_rows(name: str, why: str) -> NoReturn:
    raise ValueError(
        f"consistent: it is not known which part of a noise of {name} belongs to which row: {why}. consistent=False gives every "
        "row noise of its own, which row-wise heuristics can do with."
    )


def refuse_same_draws(name: str, draws: int) -> NoReturn:
    raise ValueError(
        f"draws: no dropout is active in {name}, so all {draws} draws would be the same. draws=1, DropConnect(model), or a "
        "list of models."
    )


def refuse_missing(extra: str, error: ImportError) -> ImportError:
    """What an adapter raises where its framework is not installed."""
    return ImportError(f"alcore_{extra} needs its framework: pip install 'alcore[{extra}]' ({error}).")

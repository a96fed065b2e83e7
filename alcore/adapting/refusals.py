"""What adapters refuse, in the same words whatever the framework."""

from __future__ import annotations

import warnings
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


def refuse_same_members(name: str, members: int, remedy: str) -> NoReturn:
    raise ValueError(
        f"model: all {members} members are one and the same {name}: fitted to the same, they say the same of every row, and BALD "
        f"is 0 everywhere. {remedy}"
    )


def refuse_twins(name: str, groups: list[list[int]], remedy: str) -> NoReturn:
    said = "; ".join(f"members {', '.join(map(str, one[:-1]))} and {one[-1]}" for one in groups)
    raise ValueError(
        f"model: {said} are one and the same {name}: fitted to the same, they say the same of every row. Pass each once; alcore's "
        f"weights count a draw more than once. To get others: {remedy}"
    )


def warn_of_same_members(members: int, rows: int, remedy: str) -> None:
    warnings.warn(
        f"model: all {members} members said exactly the same of all {rows} rows, so BALD is 0 for each. They are one and the same "
        f"model, or do not differ on these rows. To get others: {remedy}",
        UserWarning,
        stacklevel=3,
    )


def refuse_missing(extra: str, error: ImportError) -> ImportError:
    """What an adapter raises where its framework is not installed."""
    return ImportError(f"alcore_{extra} needs its framework: pip install 'alcore[{extra}]' ({error}).")

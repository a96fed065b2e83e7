"""Members that say the same bit for bit are refused where they were fitted to the same, and warned of where that is not known."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from alcore.adapting import Twins

SURE, UNSURE = np.array([[1.0, 0.0]] * 3), np.full((3, 2), 0.5)


def run(said: Any, states: Any, by_chance: bool = False, asked: list[int] | None = None) -> list[str]:
    """The warnings of a run, ``said`` by block and member; ``asked`` for the members whose state was looked at."""

    def state(number: int) -> Any:
        if asked is not None:
            asked.append(number)
        return states[number]

    names = [f"M{number}" for number in range(len(states))]
    looks = [lambda number=number: state(number) for number in range(len(states))]
    twins = Twins(names, looks, lambda number: f"Take others than M{number}.", by_chance=by_chance)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for block in twins.watch(said):
            for draw, probs in enumerate(block):
                twins.hear(draw, probs)
    return [str(one.message) for one in caught if issubclass(one.category, UserWarning)]


def test_all_members_that_are_the_same_are_refused() -> None:
    """However they were made, and whatever they say."""
    for by_chance in (False, True):
        for said in (SURE, UNSURE, SURE[:0]):
            with pytest.raises(ValueError, match="all 3 members are the same M0.*BALD is 0.*Take others than M0"):
                run([[said] * 3], [(b"a", b"")] * 3, by_chance)


def test_some_members_that_are_the_same_are_refused_where_each_was_chosen() -> None:
    """By number; members drawn by chance may coincide."""
    said, states = [[SURE, UNSURE, SURE, SURE]], [(b"a", b""), (b"a", b""), (b"b", b""), (b"b", b"")]
    with pytest.raises(ValueError, match="members 2 and 3 are the same M2.*weights.*Take others than M2"):
        run(said, states)
    assert run(said, states, by_chance=True) == []


def test_states_are_looked_at_once_and_of_those_that_said_the_same() -> None:
    """A member that says something else is another one."""
    asked: list[int] = []
    assert run([[SURE, UNSURE, SURE]] * 3, [(b"a", b""), (b"b", b""), (b"c", b"")], asked=asked) == []
    assert asked == [0, 2]
    run([[SURE]], [(b"a", b"")], asked=asked)
    assert asked == [0, 2]


@pytest.mark.parametrize("by_chance", [False, True])
def test_members_of_unknown_states_that_say_the_same_of_all_rows_are_warned_of_once(by_chance: bool) -> None:
    """At the end; not where a later block tells them apart."""
    open_states = [(b"a", b"1"), (b"a", b"2")]
    (warning,) = run([[SURE, SURE], [UNSURE, UNSURE]], open_states, by_chance)
    assert "all 2 members predict exactly the same for all 6 rows" in warning
    assert "Take others than M0" in warning
    assert run([[SURE, SURE], [UNSURE, SURE]], open_states, by_chance) == []
    assert run([[SURE, SURE], [UNSURE, SURE], [SURE, SURE]], open_states, by_chance) == []


def test_members_that_are_known_to_differ_are_warned_of_where_they_are_unsure() -> None:
    """Of easy rows all may be sure; and a forest that was drawn may be of one mind."""
    states = [(b"a", b""), (b"b", b"")]
    assert run([[SURE, SURE]] * 2, states) == []
    assert run([[SURE, SURE], [UNSURE, UNSURE]], states, by_chance=True) == []
    assert len(run([[SURE, SURE], [UNSURE, UNSURE]], states)) == 1

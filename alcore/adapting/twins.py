"""Members that are the same model. Every draw would be the same, and BALD would be 0 everywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np

from alcore.adapting.refusals import refuse_same_members, refuse_twins, warn_of_same_members
from alcore.door import Array

State = tuple[bytes, bytes]


class Twins:
    """Compares the predictions of members, and refuses members that are the same model.

    Different members may predict the same, bit for bit, for few or easy rows. So where members predict the same for the first
    block, their fitted states are compared. Members with equal states are the same model. They are refused where all members are
    the same, or where the user chose each member.

    A warning comes after the last block where all members predict the same for all rows, in two cases. Their states could not be
    compared. Or the user chose the members, and some prediction lies between 0 and 1, so that easy rows do not explain it.

    Args:
        names: the class names of the members.
        states: for each member, a function that gives its `fitted_state`.
        remedy: a function that gives, for the number of a member, a sentence on how to get members that differ.
        by_chance: whether the members were drawn at random, so that some may be equal by chance.
    """

    def __init__(
        self, names: list[str], states: list[Callable[[], State]], remedy: Callable[[int], str], *, by_chance: bool
    ) -> None:
        self._names, self._states, self._remedy, self._by_chance = names, states, remedy, by_chance
        self._listens, self._odd = len(names) > 1, False  # odd: chance does not explain that they predict the same
        self._rows: int | None = None  # of the blocks so far
        self._said: list[bytes] = []

    def hear(self, draw: int, probs: Array) -> None:
        """Take the predictions of one member for a block. After those of the last member, refuse members that are the same."""
        if not self._listens:
            return
        said = blake2b(np.ascontiguousarray(probs).ravel().view(np.uint8).data).digest()
        self._said = [said] if draw == 0 else [*self._said, said]
        if draw == len(self._names) - 1:
            self._odd |= self._rows is None and self._compare()
            self._odd |= not self._by_chance and bool(((probs > 0) & (probs < 1)).any())
            self._listens = len(set(self._said)) == 1
            self._rows = (self._rows or 0) + len(probs)

    def _compare(self) -> bool:
        """Refuse members that are the same. Return whether no member is known to differ from the others."""
        alike = _groups(dict(enumerate(self._said)))
        states = {number: self._states[number]() for group in alike for number in group}
        same = _groups(states)
        if same and len(same[0]) == len(self._names):
            refuse_same_members(self._names[0], len(self._names), self._remedy(0))
        if same and not self._by_chance:
            first = same[0][0]
            refuse_twins(self._names[first], same, self._remedy(first))
        return len({fitted for fitted, _ in states.values()}) == 1

    def watch(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Pass the blocks on, and warn after the last one."""
        yield from batches
        if self._listens and self._odd and self._rows:
            warn_of_same_members(len(self._names), self._rows, self._remedy(0))


def _groups(keys: Mapping[int, Hashable]) -> list[list[int]]:
    """Groups of members with the same key. A member without an equal is in no group."""
    found: defaultdict[Hashable, list[int]] = defaultdict(list)
    for number, key in keys.items():
        found[key].append(number)
    return [group for group in found.values() if len(group) > 1]

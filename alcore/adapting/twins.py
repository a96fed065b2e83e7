"""Members that are one and the same model: every draw says the same, and BALD is 0 everywhere."""

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
    """Listens to what members say, and refuses those that are the same model.

    Of few or easy rows, different members say the same bit for bit. So of members that do so in the first block, what they were
    fitted to is compared. Where that is equal, they are the same: refused where all are, or where the user chose each. Where all
    members say the same of all rows, a warning says so at the end if their states cannot be compared, or if the user chose members
    that differ in nothing that matters (splits on features that are as good as each other) and that are not just sure of easy rows.

    Args:
        names: of the members.
        states: for each member a function that gives its `fitted_state`.
        remedy: the number of a member -> how to get others.
        by_chance: whether members were drawn, so that some may coincide.
    """

    def __init__(
        self, names: list[str], states: list[Callable[[], State]], remedy: Callable[[int], str], *, by_chance: bool
    ) -> None:
        self._names, self._states, self._remedy, self._by_chance = names, states, remedy, by_chance
        self._listens, self._odd = len(names) > 1, False  # odd: that they say the same is no chance
        self._rows: int | None = None  # of the blocks that were heard
        self._said: list[bytes] = []

    def hear(self, draw: int, probs: Array) -> None:
        """What a member says of the rows of a block; members that are the same are refused after the last one's."""
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
        """Refuse members that are the same; give back whether none is known to be another model than the rest."""
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
        """The batches, and the warning after the last."""
        yield from batches
        if self._listens and self._odd and self._rows:
            warn_of_same_members(len(self._names), self._rows, self._remedy(0))


def _groups(keys: Mapping[int, Hashable]) -> list[list[int]]:
    """The members with the same key, where there are several."""
    found: defaultdict[Hashable, list[int]] = defaultdict(list)
    for number, key in keys.items():
        found[key].append(number)
    return [group for group in found.values() if len(group) > 1]

"""One model on one block for one draw, and two checks: a draw is one network for every row, and the draws differ."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alcore.adapting import generators, refusals
from alcore.adapting.inputs import first_of, leaf_rows, map_leaves, row_count, shapes_of
from alcore.adapting.outputs import TAKEN, Ops, arrange, class_axis_of, rows_first
from alcore.adapting.request import Request
from alcore.adapting.row_axes import Noise, RowAxes
from alcore.door import Array

# How much the prediction of a row may change with the rows beside it, as a part of the row's largest number.
ALIKE = 1e-4
LOOKED_AT = (
    0,
    *(4**power for power in range(20)),
)  # numbers of the blocks whose rows are predicted beside other rows too
FOLDED = 8  # draws in which rows are compared, where the axis of rows holds several entries of a row
AGAIN = 7  # the place of the seed of generators, beside the places of noise

Forward = Callable[[Any, int, int], Array]  # (batch, number of its block, draw) -> (n, C, ...), `arrange`d


@dataclass(frozen=True)
class Observed:
    """What a forward pass drew: noise that the adapter follows, and the states of other generators that the pass moved, by name."""

    noises: Sequence[Noise]
    moved: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.noises or self.moved)


class Run(ABC):
    """One model, run on one block for one draw. An adapter defines the abstract methods with its framework.

    The first block tells which random numbers belong to rows. Some blocks check that the prediction of a row does not depend on the
    rows beside it: the first one, each block of a new shape, and blocks 1, 4, 16 and so on.

    Args:
        name: the name of the model, for errors.
        request: what is asked for.
        output: which tensor of what the model returns: a key or an attribute, a place, or a function. None for the only one.
        inputs: a function of a block that returns what the model is called with.
    """

    ops: Ops
    remedies: refusals.Remedies

    def __init__(
        self,
        name: str,
        request: Request,
        output: str | int | Callable[[Any], Any] | None,
        inputs: Callable[[Any], Any] | None,
    ) -> None:
        self.name, self.output, self._inputs = name, output, inputs
        self.begin(request)

    def begin(self, request: Request) -> None:
        """Start on a request, with the model as it is now. Nothing of the model has been checked yet."""
        self.request = request
        self._class_axis: int | None = None
        self._axes: RowAxes | None = None  # where rows stand in the noise of a draw
        self._own_axes: dict[int, RowAxes] = {}  # of draws whose noise is another: some layers are skipped at random
        self._sharing = request.consistent
        self._seeded = False  # whether the model draws from generators that are set for each pass
        self._learned_at: int | None = None  # the number of the block
        self._blocks = 0
        self._shapes: set[Any] = set()  # of batches, checked
        self._single: Any = None  # a batch of one row
        self._block: tuple[int, Any] | None = None  # the number of the block, and what the model is called with for it
        self._ahead: Iterator[tuple[int, Array]] = iter(())  # draws of that block that are made with an earlier one

    # --- what an adapter brings ---------------------------------------------------------------------------------------

    def ready(self) -> AbstractContextManager[object]:
        """A context that holds while the draws of a block are made, and no longer."""
        return nullcontext()

    def prepare(self, given: Any, block: int, draw: int) -> None:  # noqa: B027 - most have nothing to look at
        """Look at the model on the first block, before anything else."""

    def check_output(self, given: Any, block: int, draw: int) -> None:
        """Refuse a wrong output before the rows are checked. Otherwise the error would be about rows."""
        sharing, self._sharing = self._sharing, False
        try:
            self.predicted(given, block, draw)
        finally:
            self._sharing = sharing

    @abstractmethod
    def as_tensor(self, leaf: Any) -> Any:
        """An array as a tensor of the framework, on the model's device. Anything else stays as it is."""

    @abstractmethod
    def take(self, tensor: Any, rows: list[int]) -> Any:
        """These rows of a tensor, in this order. A row may come twice."""

    @abstractmethod
    def join(self, tensor: Any, other: Any) -> Any:
        """The rows of two tensors, one after the other."""

    @abstractmethod
    def noises(self, given: Any, block: int, draw: int) -> Sequence[Noise]:
        """What the model draws in a pass in which rows share no noise, in order."""

    @abstractmethod
    def probs(self, given: Any, block: int, draw: int) -> Array:
        """The output of the model after `arrange`: (n, C, ...). Rows share the noise that ``axes_of(draw)`` names."""

    def several(self, given: Any, block: int, draws: range) -> Iterable[Array]:
        """The outputs of the first of these draws. An adapter may make more of them at once, where that is faster."""
        return [self.predicted(given, block, draws[0])]

    def stacks(self, given: Any, block: int, draws: range) -> Iterator[tuple[int, Array]]:
        """(k, (n, C, ..., k)) for all these draws, as many at a time as come together. An adapter may keep them on a device."""
        for draw in draws:
            probs = np.asarray(self._next(block, draw))
            yield 1, probs if self.request.draw_axis is not None else probs[..., None]

    def states(self) -> dict[str, Any]:
        """The states of the generators that the framework, Python and NumPy keep for the whole process, by name."""
        return generators.generator_states()

    def seed(self, seed: int) -> None:
        """Seed those generators."""
        generators.seed_global_generators(seed)

    def generators_kept(self) -> AbstractContextManager[object]:
        """A context that leaves those generators as they were."""
        return generators.global_generators_kept()

    # --- what adapters call -------------------------------------------------------------------------------------------

    def axes_of(self, draw: int) -> RowAxes | None:
        """Where rows share noise in a draw. None where each row has its own noise."""
        return self._own_axes.get(draw, self._axes) if self._sharing else None

    @property
    def noise_shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the noise that all rows share, in order, as the first block showed them."""
        return [] if self._axes is None else [one.shape for one in self._axes.ones]

    def arranged(self, found: Any, rows: int, taken: Mapping[str, str] = TAKEN) -> Any:
        """(n, C, ...) from a tensor that the model returned. ``taken``: how it was taken, in code (`adapting.taken`)."""
        if self._class_axis is None:
            first = rows_first(found, rows, self.request, self.ops, taken)
            self._class_axis = class_axis_of(first, self.request, taken)
        return arrange(found, rows, self.request, self.ops, self._class_axis, taken)

    def predicted(
        self,
        given: Any,
        block: int,
        draw: int,
        within: Callable[[], AbstractContextManager[object]] = nullcontext,
        probs: Callable[[Any, int, int], Any] | None = None,
    ) -> Any:
        """`probs` of a draw, ``within`` a context, or what another function makes. A draw's noise may have shapes of its own."""
        if self._seeded or not self.request.consistent:
            self.seed(self.request.seed_of(draw, block, AGAIN))
        try:
            with within():
                return (probs or self.probs)(given, block, draw)
        except refusals.UnknownRowsError:
            if not self._sharing or block != self._learned_at or draw in self._own_axes:
                raise
            with self.generators_kept():
                learned = self._learn_axes(given, block, draw, self._observed(given, block, draw))
                self._own_axes[draw] = self._in_order(learned)
            return self.predicted(given, block, draw, within, probs)

    # --- a block ------------------------------------------------------------------------------------------------------

    @contextmanager
    def block(self) -> Iterator[None]:
        """A context for the draws of a block. It leaves the generators of the process as they were."""
        with self.generators_kept(), self.ready():
            before = self.states()
            yield
            self._check_unmoved(before)

    def _check_unmoved(self, before: dict[str, Any]) -> None:
        """Refuse numbers from other generators. Rows of this block may have met a layer that those of the first did not."""
        if self._seeded or not self.request.consistent:
            return
        for name, state in self.states().items():
            if state != before[name]:
                refusals.refuse_other_generator(self.name, "", name)

    def __call__(self, batch: Any, block: int, draw: int) -> Array:
        self._start(batch, block, draw)
        probs = self._next(block, draw)
        self._compare(probs, block, draw)
        return probs

    def passes(self, batch: Any, block: int, draws: range) -> Iterator[tuple[int, Array]]:
        """(k, (n, C, ..., k)) for all draws of a member, in order."""
        given, first = self._start(batch, block, draws[0]), draws[0]
        for count, made in self.stacks(given, block, draws):
            for place, probs in enumerate(np.split(made, count, axis=-1) if block == self._learned_at else ()):
                self._compare(probs, block, first + place)
            first += count
            yield count, made

    def _start(self, batch: Any, block: int, draw: int) -> Any:
        """What the model is called with for a block, which is checked when it comes first."""
        if self._block is None or self._block[0] != block:
            given = map_leaves(first_of(batch, self._inputs), self.as_tensor)
            self._block, self._ahead = (block, given), iter(())
            with self.generators_kept():
                self._check(given, block, draw)
        return self._block[1]

    def _next(self, block: int, draw: int) -> Array:
        assert self._block is not None
        number, probs = next(self._ahead, (None, None))
        if probs is None or number != draw:
            draws = range(draw, draw - draw % self.request.draws + self.request.draws)  # the rest of this member's
            self._ahead = zip(draws, self.several(self._block[1], block, draws), strict=False)
            _, probs = next(self._ahead)
        return probs

    def _compare(self, probs: Array, block: int, draw: int) -> None:
        """Warn where the model draws numbers and all draws of the first block are the same to the last bit."""
        if block != self._learned_at or self.request.draws == 1:
            return
        if draw % self.request.draws == 0:
            self._first, self._differ = probs, False
        self._differ |= not _same(probs, self._first)
        if draw % self.request.draws == self.request.draws - 1 and not self._differ:
            warnings.warn(
                f"draws: {self.name} draws random numbers, but the {self.request.draws} draws of its first {len(probs)} rows are "
                "the same to the last bit. Either it is certain of these rows, or the numbers have no effect. Check that no "
                "dropout rate is 0.",
                stacklevel=2,
            )

    def _check(self, given: Any, block: int, draw: int) -> None:
        """Refuse draws that are not one network for every row, and draws that are all the same."""
        shapes = shapes_of(given)
        if self._learned_at is None:
            self._learned_at = block
            self._learn(given, block, draw)
        if shapes not in self._shapes or self._blocks in LOOKED_AT:
            self._check_company(given, block, draw)
        self._shapes.add(shapes)
        self._blocks += 1

    # --- what is learned from the first block -------------------------------------------------------------------------

    def _learn(self, given: Any, block: int, draw: int) -> None:
        self.prepare(given, block, draw)
        self.check_output(given, block, draw)
        observed = self._observed(given, block, draw)
        self._seeded = bool(observed.moved)
        if self.request.consistent:
            self._axes = self._learn_axes(given, block, draw, observed)
        found = self.predicted(given, block, draw)
        again = self.predicted(given, block, draw)  # accelerators may sum in another order each time
        if found.shape != again.shape or not near(found, again, self.tolerance):
            refusals.refuse_unseeded(self.name)
        if self.request.draws > 1 and not observed:
            refusals.refuse_same_draws(self.name, self.request.draws, self.remedies)
        if self.request.draws > 1 and not self._observed(given, block, draw + 1):
            refusals.refuse_kept_noise(self.name, next((one.layer for one in observed.noises), ""))

    def _observed(self, given: Any, block: int, draw: int) -> Observed:
        self.seed(self.request.seed_of(draw, block, AGAIN))
        before = self.states()
        noises = self.noises(given, block, draw)
        return Observed(noises, {name: state for name, state in self.states().items() if state != before[name]})

    def _learn_axes(self, given: Any, block: int, draw: int, observed: Observed) -> RowAxes:
        """Compare what the model draws for these rows with what it draws for one row more."""
        rows = row_count(given)
        if rows < 1:
            if observed.moved or any(noise.shape for noise in observed.noises):
                layer = next((noise.layer for noise in observed.noises if noise.shape), "")
                refusals.refuse_unknown_rows(self.name, layer, f"a block is one {type(given).__name__}, without rows")
            return RowAxes.of(self.name, observed.noises, observed.noises, rows)
        more = self._observed(self._rows_of(given, [*range(rows), 0]), block, draw)
        for name, state in observed.moved.items():
            if more.moved.get(name) != state:
                refusals.refuse_other_generator(self.name, "", name)
        return RowAxes.of(self.name, observed.noises, more.noises, rows)

    def _rows_of(self, given: Any, rows: list[int]) -> Any:
        count = row_count(given)
        return map_leaves(given, lambda leaf: self.take(leaf, rows) if leaf_rows(leaf) == count else leaf)

    # --- rows in other company ----------------------------------------------------------------------------------------

    def _check_company(self, given: Any, block: int, draw: int) -> None:
        """Refuse rows whose predictions change when half of the rows come twice, in other places."""
        rows = row_count(given)
        if rows < 1 or not self._axes_known(given, block, draw):
            return
        half = (rows + 1) // 2
        halves = [range(half), range(rows - half, rows)] if rows > 1 else [range(1)]
        orders = [([*part][::-1] * 2)[: max(rows, 2)] for part in halves]
        pairs = [(given, self._rows_of(given, places), places) for places in orders]
        if rows == 1:
            if self._single is not None and shapes_of(self._single) == shapes_of(given):
                pairs.append((given, _map_both(self.join, given, self._single), [0]))
            self._single = given
        before, sharing, self._sharing = self.states(), self._sharing, True
        try:
            if not self._alike(pairs, block, draw) and not self._alike_apart(pairs, block, draw):
                self._check_unmoved(before)
                refusals.refuse_mixed_rows(self.name, self.remedies)
        finally:
            self._sharing = sharing

    def _axes_known(self, given: Any, block: int, draw: int) -> bool:
        """Whether it is known where rows share noise. Without ``consistent`` it need not be, and then rows are not checked."""
        if self.request.consistent:
            return True
        try:
            learned = self._learn_axes(given, block, draw, self._observed(given, block, draw))
        except refusals.UnknownRowsError:
            return False
        self._axes = self._in_order(learned)
        return True

    def _in_order(self, learned: RowAxes) -> RowAxes:
        """The same, with the order of folded entries that the first block showed. Shapes do not tell it."""
        return learned.apart() if self._axes and any(axis.apart for axis in self._axes.axes) else learned

    def _alike(self, pairs: list[Any], block: int, draw: int) -> bool:
        """Whether rows are predicted alike in each pair: a block, another block, and which rows of the first the other begins with.

        Where the order of folded entries is not known yet, several draws are compared. In one, entries may be equal by chance.
        """
        unsure = self._axes is not None and self._axes.folded and not self._blocks
        return all(self._alike_in(pairs, block, draw + more) for more in range(FOLDED if unsure else 1))

    def _alike_in(self, pairs: list[Any], block: int, draw: int) -> bool:
        found = self.predicted(pairs[0][0], block, draw)
        for _, others, places in pairs:
            again = self.predicted(others, block, draw)[: len(places)]
            if found[places].shape != again.shape or not near(found[places], again, self.tolerance):
                return False
        return True

    def _alike_apart(self, pairs: list[Any], block: int, draw: int) -> bool:
        """Whether rows are predicted alike with the other order of folded entries."""
        before = self._axes
        if before is None or not before.folded or self._blocks:
            return False
        self._axes = before.apart()
        if self._alike(pairs, block, draw):
            return True
        self._axes = before
        return False

    @property
    def tolerance(self) -> float:
        """How much predictions may differ, as a part of a row's largest number. More where a model computes in half precision."""
        return ALIKE


def _map_both(function: Callable[[Any, Any], Any], given: Any, other: Any) -> Any:
    """Apply a function to the arrays of two blocks of the same structure."""
    theirs: list[Any] = []
    map_leaves(other, theirs.append)
    rest = iter(theirs)

    def joined(leaf: Any) -> Any:
        second = next(rest)
        return function(leaf, second) if leaf_rows(leaf) >= 0 else leaf

    return map_leaves(given, joined)


def _same(one: Array, other: Array) -> bool:
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=True)


def near(one: Array, other: Array, tolerance: float) -> bool:
    """Whether two arrays of one shape differ by at most ``tolerance`` times each row's largest number."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    axes = tuple(range(1, one.ndim))
    scale = np.nanmax(np.abs(np.where(np.isfinite(one), one, np.nan)), axis=axes, keepdims=True, initial=0)
    with np.errstate(invalid="ignore"):
        close = np.abs(one - other) <= tolerance * scale
    return bool((close | (one == other) | (np.isnan(one) & np.isnan(other))).all())

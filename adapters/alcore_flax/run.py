"""One model on one block for one draw, and two checks: a draw is one network for every row, and the draws differ."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import zip_longest
from typing import Any, NoReturn

import jax
import numpy as np

from alcore import adapting
from alcore.adapting import Array, Remedies, Request
from alcore_flax.dropconnect import DropConnect
from alcore_flax.flow import Flow, Step
from alcore_flax.given import as_given, map_rows, row_count, shared_of
from alcore_flax.network import as_network
from alcore_flax.noise import Found, Noise, find
from alcore_flax.program import Compiled, Output, Program, compiled
from alcore_flax.weights import Checkpoints

HALF = 8  # how many ulps of half precision rows may differ by
HOST = 7  # the place of the seed of generators, beside the places of noise
REMEDIES = Remedies(
    same_draws="Pass draws=1, DropConnect(model), or a list of models with draws=1. If a flag of your own switches noise on, "
    "pass it: inputs=lambda x: (x, {'flag': True}).",
    mixed_rows="If a layer uses statistics of the rows, pass the flag that turns them off: inputs=lambda x: (x, {'flag': False}).",
)


class Run:
    """One model, run for one draw on one block. The next draw runs while the last one is written."""

    def __init__(
        self, model: Any, request: Request, output: Output, inputs: Callable[[Any], Any] | None, noise: Noise
    ) -> None:
        self._model, self._output, self._inputs, self._noise = model, output, inputs, noise
        self._name = type(model.model if isinstance(model, DropConnect) else model).__name__
        self._network, self._weights = as_network(model)
        self.begin(request)

    @property
    def held(self) -> Any:
        """The weights, and a text that says how the model is built."""
        state = jax.tree.unflatten(self._network.tree, self._weights)
        weights = state[-1] if isinstance(state, tuple) else state  # the state of NNX is keys, counts and the rest
        return repr(self._network), jax.tree.leaves(weights)

    @property
    def noise_shapes(self) -> list[tuple[int, ...]]:
        """The shapes of what a row of the first block drew."""
        return [step.shape for step in self._draws or ()]

    def load(self, members: Checkpoints, place: int) -> None:
        self._weights = members.load(place, self._weights)

    def begin(self, request: Request) -> None:
        """Start on a request, from the first block on."""
        self._request, self._block, self._blocks = request, -1, 0
        self._found: Found | None = None
        self._shared = frozenset[int]()
        self._shapes: set[Any] = set()  # of blocks whose noise was checked
        self._company: set[Any] = set()  # shapes of rows that were predicted both together and alone
        self._single: dict[Any, Any] = {}  # blocks of one row
        self._tables: dict[int, Array] = {}  # arrays as long as the first block that hold no rows
        self._draws: list[Step] | None = None  # for a row of the first block

    def __call__(self, batch: Any, block: int, draw: int) -> Array:
        if self._block != block:
            self._block, self._ahead = block, dict[int, Any]()
            with adapting.global_generators_kept():
                self._given = self._as_given(batch)
                self._check(draw)
            self._blocks += 1
        assert self._found is not None
        if self._found.host:
            return self._in_turn(draw)
        found = self._ahead.pop(draw) if draw in self._ahead else self._start(draw)
        if (draw + 1) % self._request.draws:
            self._ahead = {draw + 1: self._start(draw + 1)}
        return np.asarray(found)

    def _start(self, draw: int) -> Any:
        return self._draw(self._key(draw))

    def _in_turn(self, draw: int) -> Array:
        """A draw of a model that calls Python. The generators of the process are seeded for it, and then restored."""
        with adapting.global_generators_kept():
            adapting.seed_global_generators(self._request.seed_of(draw, self._block, HOST))
            return np.asarray(self._start(draw))

    def _key(self, draw: int) -> Array:
        return np.array(divmod(self._request.seed_of(draw, self._block), 1 << 32), np.uint32)

    def _as_given(self, batch: Any) -> Any:
        given = as_given(adapting.first_of(batch, self._inputs))
        if row_count(given) < 0:
            adapting.refuse_no_array(batch)
        rows, first = adapting.row_count(batch), next(leaf for leaf in jax.tree.leaves(given) if leaf.ndim)
        if self._inputs is not None and rows > 0 and rows != len(first) and rows in first.shape[1:]:
            axis = first.shape.index(rows)
            raise ValueError(
                f"inputs: expected the {rows} rows of the block on axis 0 of what the model is called with, got shape "
                f"{first.shape}: they are on axis {axis}. Call the model with rows first, and let a module around it do "
                f"jnp.moveaxis(x, 0, {axis})."
            )
        return given

    # --- checks -------------------------------------------------------------------------------------------------------

    def _check(self, draw: int) -> None:
        """Refuse draws that are not one network for every row, and draws that are all the same."""
        given, begun = self._given, self._found is not None
        found = self._found = self._found or self._find()
        self._shared |= shared_of(given)
        moved = found.host and (begun or self._host_moved(draw))
        if not moved:
            self._check_company(given, draw)
        program = self._compiled()
        leaves, tree = jax.tree.flatten(given)
        shapes = (tree, *((leaf.shape, leaf.dtype) for leaf in leaves))
        if shapes not in self._shapes:
            self._check_noise(program, draw, found, moved)
        self._shapes.add(shapes)
        self._draw = (program.whole if found.host else program.draws)(self._weights, given)

    def _find(self) -> Found:
        found = find(self._network, self._weights, self._given, self._noise, self._name)
        network = found.network
        if isinstance(self._model, DropConnect):
            network = replace(network, dropped=self._model.places(network.tree, found.flow))
        asked = replace(self._request, draws=1, seed=0, dtype="float32", members=1, first=0)
        self._program = Program(network, asked, self._output, frozenset())
        return found

    def _compiled(self) -> Compiled:
        return compiled(replace(self._program, shared=self._shared))

    def _host_moved(self, draw: int) -> bool:
        """Whether the model draws from generators of the process while it runs. Their seeds must decide its output."""
        self._draw = self._compiled().whole(self._weights, self._given)
        with adapting.global_generators_kept():
            adapting.seed_global_generators(self._request.seed_of(draw, self._block, HOST))
            before = adapting.generator_states()
            found = np.asarray(self._start(draw))
            moved = [name for name, state in adapting.generator_states().items() if state != before[name]]
        if not np.array_equal(found, self._in_turn(draw), equal_nan=True):
            adapting.refuse_unseeded(self._name)
        if moved and self._request.consistent:
            adapting.refuse_other_generator(self._name, "", moved[0])
        return bool(moved)

    def _check_noise(self, compiled: Compiled, draw: int, found: Found, moved: bool) -> None:
        """Refuse a block whose rows draw other numbers than those of the first block."""
        program, count = compiled.run.trace(self._weights, self._key(draw), self._given).jaxpr.jaxpr, len(self._weights)
        labels = [frozenset({"key"} if place == count else ()) for place in range(len(program.invars))]
        flow = Flow(program, labels)
        draws, before = flow.draws("key"), self._draws
        if before is None:
            self._draws = draws
            if self._request.draws > 1 and not any(flow.returned) and not moved:
                self._refuse_same(found)
            for note in found.notes(self._name):
                warnings.warn(note, adapting.SilentNoiseWarning, stacklevel=2)
        elif self._request.consistent:
            for one, other in zip_longest(draws, before):
                if one is None:
                    adapting.refuse_fewer_draws(self._name, other.layer, other.shape)
                if other is None or one.shape != other.shape:
                    adapting.refuse_other_shapes(self._name, one.layer, one.shape, other and other.shape)

    def _refuse_same(self, found: Found) -> NoReturn:
        if found.fixed:
            raise ValueError(
                f"draws: {self._name} draws random numbers from a key that is fixed in its code, so all "
                f"{self._request.draws} draws would be the same. Take the key from self.make_rng('dropout'), or from nnx.Rngs."
            )
        remedy = " ".join([REMEDIES.same_draws, *found.notes(self._name)])
        adapting.refuse_same_draws(self._name, self._request.draws, replace(REMEDIES, same_draws=remedy))

    # --- rows in company ----------------------------------------------------------------------------------------------

    def _check_company(self, given: Any, draw: int) -> None:
        """Refuse rows that are predicted differently alone and together: for each shape of rows, and in blocks 1, 4, 16, …"""
        leaves, tree = jax.tree.flatten(given)
        for place, before in self._tables.items():
            if not np.array_equal(before, leaves[place]):
                adapting.refuse_mixed_rows(self._name, REMEDIES)
        shapes = (leaf.shape[place not in self._shared :] for place, leaf in enumerate(leaves))
        kind = (tree, *shapes, *(leaf.dtype for leaf in leaves))
        other, self._single[kind] = self._single.get(kind), given if row_count(given) == 1 else None
        if kind in self._company and self._blocks not in adapting.LOOKED_AT:
            return
        if row_count(given) == 1:
            if other is None:
                return
            given = map_rows(lambda leaf, before: np.concatenate([leaf, before]), given, self._shared, other)
        self._company.add(kind)
        self._check_alike(given, draw, kind)

    def _check_alike(self, given: Any, draw: int, kind: Any) -> None:
        """Find the arrays as long as the block that are tables. With them, rows are predicted alike alone and together."""
        assert self._found is not None
        leaves, failed, tolerance = jax.tree.leaves(given), None, max(adapting.ALIKE, HALF * self._found.flow.eps)
        rest = [place for place in range(len(leaves)) if place not in self._shared][1:]
        for tables in dict.fromkeys([frozenset[int](), *(frozenset({place}) for place in rest), frozenset(rest)]):
            shared, alike = (
                self._shared | tables,
                replace(self._program.request, consistent=True),
            )  # for both kinds of draws
            program = compiled(replace(self._program, request=alike, shared=shared))
            rows = max(row_count(given), program.rows.get(kind, 0))  # some of them twice, and nothing is compiled anew
            repeated = map_rows(
                lambda leaf, rows=rows: leaf if len(leaf) == rows else np.resize(leaf, (rows, *leaf.shape[1:])),
                given,
                shared,
            )
            try:
                apart = program.company(self._weights, self._key(draw), repeated)
            except (
                NotImplementedError
            ):  # jax.random.poisson takes only keys of threefry; each row is mapped alone in any case
                return
            except Exception as error:  # whatever a model raises for arrays that do not fit
                failed = failed or (None if tables else error)
                continue
            program.rows[kind] = rows
            if apart <= tolerance:
                self._shared = shared
                self._tables.update({place: np.asarray(leaves[place]) for place in tables})
                return
        if failed is not None:
            raise failed
        adapting.refuse_mixed_rows(self._name, REMEDIES)

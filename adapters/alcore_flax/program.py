"""The programs that are compiled: a network for one draw on a block, and the check that rows do not depend on each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.extend.random as jxr
import jax.numpy as jnp
import numpy as np

from alcore import adapting
from alcore.adapting import Ops, Request
from alcore_flax.flow import kept
from alcore_flax.given import map_rows, opened, row_count
from alcore_flax.network import Network
from alcore_flax.noise import IMPL
from alcore_flax.prefix import split

Output = str | int | Callable[[Any], Any] | None
OPS = Ops("jnp", jnp.reshape, jnp.moveaxis, jax.nn.softmax, jax.nn.sigmoid, jnp.concatenate)


@dataclass(frozen=True)
class Program:
    """A network that is mapped over the rows of a block. Each row is a block of its own, so noise has no axis of rows.

    Rows share the key where draws are consistent. Otherwise each row has its own key.

    Args:
        network: the model as a pure function.
        request: what is asked for.
        output: which tensor of what the model returns.
        shared: places of the arrays that all rows share.
    """

    network: Network
    request: Request
    output: Output
    shared: frozenset[int]

    def run(self, weights: Any, seed: Any, given: Any) -> Any:
        """(n, C, ...) probabilities of one draw, with M draws of one pass last: (n, C, ..., M)."""
        noise, drop = jax.random.split(jax.random.wrap_key_data(seed, impl=IMPL))
        return self._probs(self._alone(self.network.drop(weights, drop), noise, given, self.request.consistent))

    def company(self, weights: Any, seed: Any, given: Any) -> Any:
        """The largest difference between a row predicted alone and together with the others, as a part of its largest number.

        Noise is on, but its numbers do not depend on how many there are.
        """
        key = jax.random.wrap_key_data(seed[:1], impl=CALM)
        with jax.default_matmul_precision("highest"):
            together, alone = self._returned(weights, key, given), self._alone(weights, key, given, True)
        apart = _apart(together, alone)
        if self.request.kind.endswith("logits"):  # one logit may be so low that all others look alike
            apart = jnp.maximum(apart, _apart(self._probs(together), self._probs(alone)))
        return apart

    def _alone(self, weights: Any, key: Any, given: Any, consistent: bool) -> Any:
        def row(key: Any, given: Any) -> Any:
            return self._returned(weights, key, map_rows(lambda leaf: leaf[None], given, self.shared))[0]

        leaves, tree = jax.tree.flatten(given)
        axes = jax.tree.unflatten(tree, [None if place in self.shared else 0 for place in range(len(leaves))])
        keys = key if consistent else jax.random.split(key, row_count(given))
        return jax.vmap(row, (None if consistent else 0, axes))(keys, given)

    def _returned(self, weights: Any, key: Any, given: Any) -> Any:
        """What the model returns, rows first and draws of one pass last."""
        args, kwargs = opened(given)
        found, taken = adapting.picked(self.network(weights, key, args, kwargs), self.output)
        if not isinstance(found, jax.Array):
            raise TypeError(f"output: expected an array, got {type(found).__name__}. Name it: output='logits'.")
        found = found.astype(jnp.promote_types(found.dtype, jnp.float32))
        found = adapting.rows_first(found, row_count(given), self.request, OPS, taken)
        adapting.class_axis_of(
            found, self.request, taken
        )  # refuses a wrong axis while it is known how the output was taken
        return found

    def _probs(self, found: Any) -> Any:
        axis = adapting.class_axis_of(found, self.request)
        return adapting.probabilities(found, self.request, OPS, axis)


def _apart(one: Any, other: Any) -> Any:
    """The largest difference of a row, as a part of its largest number. Infinite where one is finite and the other is not."""
    one, other = (jnp.reshape(side, (len(side), -1)) for side in (one, other))
    finite = jnp.isfinite(one)
    same = (one == other) | (jnp.isnan(one) & jnp.isnan(other))
    scale = jnp.where(finite, jnp.abs(one), 0).max(axis=1, keepdims=True, initial=0)
    apart = jnp.where(finite & jnp.isfinite(other), jnp.abs(one - other) / scale, jnp.inf)
    return jnp.where(same, 0, apart).max(initial=0)


# --- random numbers: one for each key ---------------------------------------------------------------------------------


def _number(key: Any, width: int, shape: tuple[int, ...]) -> Any:
    """Bits of a uniform number in [1/16, 1/8). Dropout up to a rate of 7/8 keeps everything, and rejection loops end."""
    bits = jnp.uint32(1 << 28) | (_hash(key, 1)[0] >> 4)
    bits = bits.astype(jnp.uint64) << 32 if width == 64 else (bits >> (32 - width)).astype(f"uint{width}")
    return jnp.broadcast_to(bits, shape)


def _hash(key: Any, number: Any) -> Any:
    """The finalizer of MurmurHash3, which compiles fast."""
    mixed = key ^ (jnp.asarray(number).astype(jnp.uint32) * jnp.uint32(0x9E3779B9) + jnp.uint32(0x7F4A7C15))
    mixed = (mixed ^ (mixed >> 16)) * jnp.uint32(0x85EBCA6B)
    mixed = (mixed ^ (mixed >> 13)) * jnp.uint32(0xC2B2AE35)
    return mixed ^ (mixed >> 16)


CALM = jxr.define_prng_impl(
    key_shape=(1,),
    seed=lambda seed: _hash(jnp.zeros(1, jnp.uint32), seed),
    split=lambda key, shape: jnp.broadcast_to(_hash(key, 2), (*shape, 1)),
    random_bits=_number,
    fold_in=_hash,
    name="one_number",
    tag="one",
)


# --- compiled ---------------------------------------------------------------------------------------------------------


class Compiled:
    """A program, compiled for each shape of its arrays. ``rows``: how many rows of a kind were checked together."""

    def __init__(self, program: Program) -> None:
        self.run = jax.jit(program.run)
        self._parts: dict[Any, Any] = {}
        self.company = jax.jit(
            program.company, compiler_options={"xla_backend_optimization_level": 0}
        )  # runs a few times
        self.rows: dict[Any, int] = {}

    def whole(self, weights: Any, given: Any) -> Callable[[Any], Any]:
        """A function of the seed of a draw, for a block."""
        return lambda seed: self.run(weights, seed, given)

    def draws(self, weights: Any, given: Any) -> Callable[[Any], Any]:
        """The same. What comes before the first noise runs now, once."""
        before, after = jax.tree.leaves(weights), jax.tree.leaves(given)
        key = jax.tree.structure((weights, given)), *map(jax.typeof, (*before, *after))
        if key not in self._parts:
            parts = split(self.run.trace(weights, np.zeros(2, np.uint32), given).jaxpr, len(before))
            self._parts[key] = parts and tuple(map(jax.jit, parts))
        if self._parts[key] is None:
            return self.whole(weights, given)
        shared, drawn = self._parts[key]
        made = shared(*before, *after)
        return lambda seed: drawn(made, *before, seed, *after)


compiled = kept(Compiled)  # the next prediction of a training loop finds it again

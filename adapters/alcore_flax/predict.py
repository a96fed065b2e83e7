"""Predictions of a Flax model, or of several, draw by draw."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from alcore import adapting
from alcore.adapting import Array, Request
from alcore_flax.noise import Network, as_network
from alcore_flax.weights import Checkpoints

NEAR = (
    1e-2  # of the largest number that a model returns: by which its rows may differ where other rows stand beside them
)
Output = str | int | Callable[[Any], Any] | None


def predict(
    model: Any,
    data: Any,
    *,
    draws: int,
    consistent: bool = True,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    dtype: np.typing.DTypeLike = "float32",
    output: Output = None,
    class_axis: int = -1,
    kind: str = "probs",
    inputs: Callable[[Any], Any] | None = None,
    mask: str | Callable[[Any], Any] | None = None,
    ids: str | int | Callable[[Any], Any] | None = None,
    batch_size: int = 128,
    progress: bool = True,
) -> Any:
    """Blocks (n, C, ..., T) of what a model with dropout says in ``draws`` draws; with ``out`` the file they are written to.

    Dropout is on and everything else in inference, whatever flags the model has or is called with; the model is not touched.
    With ``consistent`` draws, which BatchBALD, EPIG, ICAL and replay need, draw t is one network: one mask for all rows of all
    blocks. Without, every row has masks of its own. Gal & Ghahramani 2016 (arXiv:1506.02142).

    Args:
        model: a bound Linen module (``module.bind(variables)``), an NNX module, or several of an ensemble (`Checkpoints`: on disk),
            whose draws stand one after the other along T; their dropout is on too, so an ensemble of plain networks has draws=1.
            `DropConnect(model)` drops weights instead. Bind with ``rngs`` what makes noise in streams of other names than dropout.
        data: an array (N, ...) or a dictionary of such, cut by ``batch_size``, or batches; a torch DataLoader is one.
        draws: T, of each member.
        seed: the same seed and block size give the same bits; other block sizes the same masks, and probabilities to 1e-6.
        out: a .npy or .zarr file that does not exist, written block by block; a run that was killed goes on with the same bits.
        dtype: of what is kept: float16, float32 or float64.
        output: which of what the model returns: a key or attribute ("logits"), a place, or a function.
        class_axis: where the classes are in it.
        kind: what the model returns: "logits", whose softmax is taken, or "probs", passed on as they are.
        inputs: a batch -> what the model is called with: a dictionary becomes keyword arguments, a tuple positional ones, and
            a dictionary at its end keywords: ``inputs=lambda x: (x, {"train": False})``. Arrays as long as the first are cut by
            rows, others are the same for all; numbers, strings and booleans are constants. By default the first part of a tuple
            or list (x, y), all of a dictionary, or the batch itself.
        mask: a batch -> True where a cell is padding, or the key of an attention mask; `Predictions.mask`, ``<name>.mask.npy``.
        ids: a batch -> which example each row is, or the key or place of that; `Predictions.ids`, ``<name>.ids.npy``. Each once;
            with them data may come in any order.
        batch_size: rows of a block, where data does not come in batches.
        progress: a bar on terminals after two seconds, where rich is installed.

    Returns: an iterator of NumPy blocks that every function of alcore takes, or with ``out`` the file, opened.
    Cost: N·T forward passes in batches, compiled once for each shape of a batch; memory of one block, n·C·T numbers.
    Raises: ValueError where no noise is active and draws > 1 (every draw would be the same), where a row's prediction depends on
    the other rows or its place among them, and as `alcore.adapting.predict`.

    >>> import alcore, alcore_flax, jax
    >>> from flax import linen as nn
    >>> module = nn.Sequential([nn.Dense(16), nn.relu, nn.Dropout(0.5, deterministic=True), nn.Dense(3)])
    >>> rows = jax.random.normal(jax.random.key(0), (100, 4))
    >>> model = module.bind(module.init(jax.random.key(1), rows))
    >>> preds = alcore_flax.predict(model, rows, draws=20, kind="logits", seed=1)
    >>> len(alcore.BatchBALD().select(preds, k=5, rng=0))
    5
    """
    stored = model if isinstance(model, Checkpoints) else None
    members = adapting.as_members(stored.model if stored else model, object, "a model")
    request = Request(draws, consistent, seed, dtype, kind, class_axis, len(members))
    given: dict[str, Any] = {"out": out, "mask": adapting.as_mask(mask), "progress": progress}
    given["rows"], given["ids"] = adapting.known_rows(data, ids), adapting.as_ids(ids)
    runs = [_Run(one, request, output, inputs) for one in members]
    batches = partial(adapting.as_batches, data, batch_size)
    loads = [partial(runs[0].load, stored, place) for place in range(len(stored.paths))] if stored else None
    return adapting.predict_members(runs, batches, request, loads, **given)


# --- one model --------------------------------------------------------------------------------------------------------


class _Run:
    """One model, run for one draw on one batch; the next draw is under way while the last one is written."""

    def __init__(self, model: Any, request: Request, output: Output, inputs: Callable[[Any], Any] | None) -> None:
        self._name, self._request, self._inputs, self._block = type(model).__name__, request, inputs, -1
        network, self._weights = as_network(model)
        self._program = Program(network, request.consistent, output, request.kind, request.class_axis)
        self._run = _compiled(self._program, "run")

    def load(self, members: Checkpoints, place: int) -> None:
        self._weights = members.load(place, self._weights)

    def begin(self, request: Request) -> None:
        """From the first block on."""
        self._request, self._block = request, -1

    def __call__(self, batch: Any, block: int, draw: int) -> Array:
        if self._block != block:
            begun, self._block, self._ahead = self._block >= 0, block, dict[int, Any]()
            self._given = _given(adapting.first_of(batch, self._inputs))
            if not begun:
                self._check(draw)
        found = self._ahead.pop(draw) if draw in self._ahead else self._start(draw)
        if (draw + 1) % self._request.draws:
            self._ahead = {draw + 1: self._start(draw + 1)}
        return np.asarray(found)

    def _start(self, draw: int) -> Any:
        return self._run(self._weights, self._key(draw), self._given)

    def _key(self, draw: int) -> Array:
        return np.array(divmod(self._request.seed_of(draw, self._block), 1 << 32), np.uint32)

    def _check(self, draw: int) -> None:
        """Refuse draws that are all the same, and predictions of a row that others have a part in."""
        given, key = self._given, self._key(draw)
        found = np.asarray(self._start(draw))
        same = self._request.draws > 1 and np.array_equal(found, self._start(draw + 1), equal_nan=True)
        if same and not _depends(self._program.run, self._weights, key, given):
            adapting.refuse_same_draws(self._name, self._request.draws)
        turned = jax.tree.map(lambda leaf: leaf[::-1] if _is_rows(leaf, given) else leaf, given)
        if self._request.consistent and not _near(found[::-1], self._run(self._weights, key, turned)):
            adapting.refuse_inconsistent(self._name)
        quiet = _compiled(replace(self._program, consistent=True), "quiet")
        (together, alone), (again, _) = (quiet(self._weights, self._key(one), given) for one in (draw, draw + 1))
        if _near(together, again) and not _near(together, alone):
            raise ValueError(
                f"model: what {self._name} says of a row depends on the rows beside it, so a row has no prediction of its own. "
                "A layer of yours that uses statistics of the batch? Call it with the flag that turns them off: inputs=..."
            )


def _near(one: Any, other: Any) -> bool:
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    scale = np.abs(one[np.isfinite(one)]).max(initial=0)
    return bool(np.allclose(one, other, rtol=0, atol=NEAR * scale, equal_nan=True))


def _depends(function: Callable[..., Any], weights: list[Any], key: Any, given: Any) -> bool:
    """Whether what a function returns depends on the key."""
    jaxpr = jax.make_jaxpr(function)(weights, key, given).jaxpr
    alive = set(map(id, jaxpr.outvars))
    for equation in reversed(jaxpr.eqns):
        if alive.intersection(map(id, equation.outvars)):
            alive.update(map(id, equation.invars))
    return id(jaxpr.invars[len(weights)]) in alive


# --- what is compiled -------------------------------------------------------------------------------------------------


@jax.tree_util.register_static
@dataclass(frozen=True)
class Constant:
    """What a model is called with that is no array: compiled into the program."""

    value: Any


def _opened(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Constant) else leaf


def _given(given: Any) -> Any:
    """(positional arguments, keyword arguments), of arrays and constants."""
    if not isinstance(given, tuple):
        given = (dict(given),) if isinstance(given, Mapping) else (given,)
    args, kwargs = (given[:-1], given[-1]) if given and isinstance(given[-1], dict) else (given, {})
    found = jax.tree.map(_leaf, (args, kwargs))
    if not any(leaf.ndim for leaf in jax.tree.leaves(found)):
        raise TypeError("data: expected batches with an array in them. Say what the model is called with: inputs=...")
    return found


def _leaf(leaf: Any) -> Any:
    if isinstance(leaf, np.generic) or not hasattr(leaf, "__array__"):
        return Constant(leaf.item() if isinstance(leaf, np.generic) else leaf)
    return leaf if isinstance(leaf, jax.Array) else jnp.asarray(np.asarray(leaf))


def _rows(given: Any) -> int:
    return next(len(leaf) for leaf in jax.tree.leaves(given) if leaf.ndim)


def _is_rows(leaf: Any, given: Any) -> bool:
    return leaf.ndim > 0 and len(leaf) == _rows(given)


@dataclass(frozen=True)
class Program:
    """What is run for a draw: rows are mapped over, so that noise is of a row, and where draws are consistent of none."""

    network: Network
    consistent: bool
    output: Output
    kind: str
    class_axis: int

    def run(self, weights: Any, seed: Any, given: Any) -> Any:
        """Classes where the model has them, (n, ...)."""
        noise, drop = jax.random.split(jax.random.wrap_key_data(seed, impl="threefry2x32"))
        return self._alone(self.network.drop(weights, drop), noise, given, noisy=True)

    def quiet(self, weights: Any, seed: Any, given: Any) -> tuple[Any, Any]:
        """Without noise: all rows at once, and each alone."""
        key = jax.random.wrap_key_data(seed, impl="threefry2x32")
        return self._probs(weights, key, given, noisy=False), self._alone(weights, key, given, noisy=False)

    def _alone(self, weights: Any, key: Any, given: Any, noisy: bool) -> Any:
        leaves, tree = jax.tree.flatten(given)
        axes = [0 if _is_rows(leaf, given) else None for leaf in leaves]

        def row(key: Any, *parts: Any) -> Any:
            single = [part if axis is None else part[None] for part, axis in zip(parts, axes, strict=True)]
            return self._probs(weights, key, jax.tree.unflatten(tree, single), noisy)[0]

        if self.consistent:
            return jax.vmap(row, (None, *axes))(key, *leaves)
        return jax.vmap(row, (0, *axes))(jax.random.split(key, _rows(given)), *leaves)

    def _probs(self, weights: Any, key: Any, given: Any, noisy: bool) -> Any:
        args, kwargs = jax.tree.map(_opened, given, is_leaf=lambda leaf: isinstance(leaf, Constant))
        found = adapting.pick(self.network(weights, key, args, kwargs, noisy), self.output)
        if not isinstance(found, jax.Array):
            raise TypeError(f"output: expected an array, got {type(found).__name__}. Name it: output=...")
        if not _is_rows(found, given):
            raise ValueError(f"output: expected {_rows(given)} rows on axis 0, as were given, got shape {found.shape}.")
        found = found.astype(jnp.promote_types(found.dtype, jnp.float32))
        there = -found.ndim <= self.class_axis < found.ndim  # elsewhere it is refused with the block
        return jax.nn.softmax(found, self.class_axis) if self.kind == "logits" and there else found


def _compiled(program: Program, name: str) -> Callable[..., Any]:
    """What was compiled for an equal program is found again, by the next prediction of a training loop say."""
    try:
        return _kept(program, name)
    except TypeError:  # a module with a field that has no hash
        return _kept.__wrapped__(program, name)


@lru_cache(maxsize=32)
def _kept(program: Program, name: str) -> Callable[..., Any]:
    fast = {"xla_backend_optimization_level": 0} if name == "quiet" else None  # runs twice
    return jax.jit(getattr(program, name), compiler_options=fast)

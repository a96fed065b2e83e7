"""Predictions of a Flax model, or of several, draw by draw."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.extend.core import Literal

from alcore import adapting
from alcore.adapting import Request
from alcore_flax.noise import Network, is_model, taken
from alcore_flax.weights import Checkpoints

NEAR = 1e-2  # of the largest number that a model returns: by which its rows may differ where other rows stand beside them
Output = str | int | Callable[[Any], Any] | None


def predict(
    model: Any,
    data: Any,
    *,
    draws: int,
    consistent: bool = True,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    dtype: npt.DTypeLike = "float32",
    output: Output = None,
    class_axis: int = -1,
    kind: str = "probs",
    inputs: Callable[[Any], Any] | None = None,
    mask: str | Callable[[Any], Any] | None = None,
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
        data: an array (N, ...), cut by ``batch_size``, or an iterable of batches; a torch DataLoader is one.
        draws: T, of each member.
        seed: the same seed and block size give the same bits; other block sizes the same masks, and probabilities to 1e-6.
        out: a .npy or .zarr file that does not exist, written block by block; a run that was killed goes on with the same bits.
        dtype: of what is kept: float16, float32 or float64.
        output: which of what the model returns: a key or attribute ("logits"), a place, or a function.
        class_axis: where the classes are in it.
        kind: what the model returns: "logits", whose softmax is taken, or "probs", passed on as they are.
        inputs: a batch -> what the model is called with: a dictionary becomes keyword arguments, a tuple positional ones, of which a
            dictionary at the end is keywords: ``inputs=lambda x: (x, {"train": False})``. Arrays with as many rows as the first are
            cut by rows; numbers, strings and booleans are passed as they are. By default the first part of a tuple or list (x, y),
            all of a dictionary, or the batch itself.
        mask: a batch -> True where a cell is padding, or the key of an attention mask; `Predictions.mask`, ``<name>.mask.npy``.
        batch_size: rows of a block, where data does not come in batches.
        progress: a bar on terminals after two seconds, where rich is installed.

    Returns: an iterator of NumPy blocks that every function of alcore takes, or with ``out`` the file, opened.
    Cost: N·T forward passes in batches, compiled once for each shape of a batch; memory of one block, n·C·T numbers.
    Raises: ValueError where no noise is active and draws > 1 (every draw would be the same), where a row's prediction depends on the
    other rows or its place among them, and as `alcore.adapting.predict`.

    >>> import alcore, alcore_flax, jax
    >>> from flax import linen as nn
    >>> module = nn.Sequential([nn.Dense(16), nn.relu, nn.Dropout(0.5, deterministic=True), nn.Dense(3)])
    >>> rows = jax.random.normal(jax.random.key(0), (100, 4))
    >>> model = module.bind(module.init(jax.random.key(1), rows))
    >>> preds = alcore_flax.predict(model, rows, draws=20, kind="logits", seed=1)
    >>> len(alcore.BatchBALD().select(preds, k=5, rng=0))
    5
    """
    members = _members(model)
    request = Request(draws, consistent, seed, dtype, kind, class_axis, len(members))
    rows = len(data) if hasattr(data, "shape") else None
    given: dict[str, Any] = {"rows": rows, "out": out, "mask": adapting.as_mask(mask, np.asarray), "progress": progress}
    runs = [_Run(one, request, output, inputs) for one in members]
    if isinstance(model, Checkpoints):
        return _in_turn(model, runs[0], data, batch_size, request, given)

    def forward(batch: Any, block: int, draw: int) -> adapting.Array:
        return runs[request.member(draw)[0]](batch, block, draw)

    return adapting.predict(_batches(data, batch_size), forward, request, **given)


def _members(model: Any) -> list[Any]:
    several = isinstance(model, list | tuple)
    members = [model.model] if isinstance(model, Checkpoints) else list(model) if several else [model]
    if not members or not all(is_model(one) for one in members):
        raise TypeError(f"model: expected a bound Linen module, an NNX module or several, got {type(model).__name__}.")
    if any(getattr(getattr(one, "model", one), "scope", one) is None for one in members):
        raise TypeError("model: a Linen module knows no weights. Bind them: module.bind(variables).")
    return members


def _batches(data: Any, batch_size: int) -> Iterable[Any]:
    if hasattr(data, "shape"):
        return adapting.cut(data, batch_size)
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        raise TypeError(f"data: expected an array or an iterable of batches, got {type(data).__name__}.")
    return data


def _in_turn(
    members: Checkpoints, run: _Run, data: Any, batch_size: int, request: Request, given: dict[str, Any]
) -> Any:
    if isinstance(data, Iterator):
        raise ValueError("data: each checkpoint needs all batches, and an iterator gives them once. Pass an array or a list.")

    def load(place: int) -> Callable[[], adapting.Forward]:
        def loaded() -> adapting.Forward:
            run.begin(members.load(place, run.weights))
            return lambda batch, block, draw: run(batch, block, place * request.draws + draw)

        return loaded

    loads = [load(place) for place in range(len(members.paths))]
    return adapting.predict_in_turn(loads, lambda: _batches(data, batch_size), request, **given)


# --- one model --------------------------------------------------------------------------------------------------------


class _Run:
    """One model, run for one draw on one batch; the next draw is under way while the last one is written."""

    def __init__(self, model: Any, request: Request, output: Output, inputs: Callable[[Any], Any] | None) -> None:
        self._name, self._request, self._output, self._inputs = type(model).__name__, request, output, inputs
        self._network, weights = taken(model)
        self.begin(weights)

    def begin(self, weights: list[Any]) -> None:
        """From the first block on, with these weights."""
        self.weights = weights
        self._block = -1
        self._checked = False
        self._ahead: dict[int, Any] = {}

    def __call__(self, batch: Any, block: int, draw: int) -> adapting.Array:
        if self._block != block:
            self._prepare(batch, block)
            if not self._checked:
                self._check(draw)
                self._checked = True
        found = self._ahead.pop(draw, None)
        found = self._start(draw) if found is None else found
        if (draw + 1) % self._request.draws:
            self._ahead = {draw + 1: self._start(draw + 1)}
        return np.asarray(found)

    def _prepare(self, batch: Any, block: int) -> None:
        call, self._arrays = _call(adapting.first_of(batch, self._inputs))
        self._program = Program(
            self._network, call, self._request.consistent, self._output, self._request.kind, self._request.class_axis
        )
        self._run = _compiled(self._program, "run")
        self._block, self._ahead = block, {}

    def _start(self, draw: int, turned: bool = False) -> Any:
        arrays = self._program.call.turned(self._arrays) if turned else self._arrays
        return self._run(self.weights, self._key(draw), arrays)

    def _key(self, draw: int) -> npt.NDArray[np.uint32]:
        seed = self._request.seed_of(draw, self._block)
        return np.array([seed >> 32, seed & 0xFFFFFFFF], np.uint32)

    def _check(self, draw: int) -> None:
        """Refuse draws that are all the same, and predictions of a row that others have a part in."""
        found = np.asarray(self._start(draw))
        if self._request.draws > 1 and np.array_equal(found, self._start(draw + 1), equal_nan=True):
            traced = jax.make_jaxpr(self._program.run)(self.weights, self._key(draw), self._arrays)
            if not _depends(traced.jaxpr, len(self.weights)):
                raise ValueError(
                    f"draws: no noise is active in {self._name}, so every draw would be the same. draws=1, DropConnect(model), or a "
                    "list of models."
                )
        if self._request.consistent and not _near(found, np.asarray(self._start(draw, turned=True))[::-1]):
            raise ValueError(
                f"consistent: what {self._name} says of a row depends on its place among the rows, so draws are not one network for "
                "every row: a layer draws noise that is not of the model's random streams. consistent=False serves row-wise heuristics."
            )
        if len(found) > 1:
            quiet = _compiled(replace(self._program, consistent=True), "quiet")
            together, alone = quiet(self.weights, self._key(draw), self._arrays)
            again, _ = quiet(self.weights, self._key(draw + 1), self._arrays)
            if _near(together, again) and not _near(together, alone):
                raise ValueError(
                    f"model: what {self._name} says of a row depends on the rows beside it, so a row has no prediction of its own. A "
                    "layer of yours that uses statistics of the batch? Call the model with the flag that turns them off: inputs=..."
                )


def _near(one: Any, other: Any) -> bool:
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    scale = np.abs(one[np.isfinite(one)]).max(initial=0)
    return bool(np.allclose(one, other, rtol=0, atol=NEAR * scale, equal_nan=True))


def _depends(jaxpr: Any, place: int) -> bool:
    """Whether what a program returns depends on its argument at a place."""
    alive = {var for var in jaxpr.outvars if not isinstance(var, Literal)}
    for equation in reversed(jaxpr.eqns):
        if alive.intersection(equation.outvars):
            alive.update(var for var in equation.invars if not isinstance(var, Literal))
    return jaxpr.invars[place] in alive


# --- what is compiled -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """What a model is called with, apart from its arrays, of which those in ``rows`` have the rows of the batch."""

    tree: Any
    fixed: tuple[Any, ...]  # in the place of an array None
    rows: tuple[bool, ...]

    def filled(self, arrays: Any) -> tuple[Any, Any]:
        given = iter(arrays)
        args, kwargs = jax.tree.unflatten(self.tree, [next(given) if one is None else one for one in self.fixed])
        return args, kwargs

    def turned(self, arrays: Any) -> list[Any]:
        """The rows in the opposite order."""
        return [array[::-1] if rows else array for array, rows in zip(arrays, self.rows, strict=True)]


def _call(given: Any) -> tuple[Call, list[Any]]:
    if isinstance(given, Mapping):
        given = ((), dict(given))
    elif isinstance(given, tuple):
        given = (given[:-1], given[-1]) if given and isinstance(given[-1], dict) else (given, {})
    else:
        given = ((given,), {})
    leaves, tree = jax.tree.flatten(given)
    leaves = [leaf.item() if isinstance(leaf, np.generic) else leaf for leaf in leaves]
    arrays = [leaf if isinstance(leaf, jax.Array) else jnp.asarray(np.asarray(leaf)) for leaf in leaves if _is_array(leaf)]
    rows = next((len(array) for array in arrays if array.ndim), None)
    if rows is None:
        raise TypeError("data: expected batches with an array in them. Say what the model is called with: inputs=...")
    fixed = tuple(None if _is_array(leaf) else leaf for leaf in leaves)
    return Call(tree, fixed, tuple(array.ndim > 0 and len(array) == rows for array in arrays)), arrays


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) or hasattr(leaf, "__array__")


@dataclass(frozen=True)
class Program:
    """What is run for a draw: rows are mapped over, so that noise is of a row, and where draws are consistent of none."""

    network: Network
    call: Call
    consistent: bool
    output: Output
    kind: str
    class_axis: int

    def run(self, weights: Any, seed: Any, arrays: Any) -> Any:
        """Classes where the model has them, (n, ...)."""
        return self._mapped(weights, seed, arrays, noisy=True)

    def quiet(self, weights: Any, seed: Any, arrays: Any) -> tuple[Any, Any]:
        """Without noise: all rows at once, and each alone."""
        key = jax.random.wrap_key_data(seed, impl="threefry2x32")
        rows = next(len(array) for array, own in zip(arrays, self.call.rows, strict=True) if own)
        together = self._probs(self.network(weights, key, *self.call.filled(arrays), noisy=False), rows)
        return together, self._mapped(weights, seed, arrays, noisy=False)

    def _mapped(self, weights: Any, seed: Any, arrays: Any, noisy: bool) -> Any:
        noise, drop = jax.random.split(jax.random.wrap_key_data(seed, impl="threefry2x32"))
        if noisy:
            weights = self.network.drop(weights, drop)

        def row(key: Any, *parts: Any) -> Any:
            single = [part[None] if own else part for part, own in zip(parts, self.call.rows, strict=True)]
            return self._probs(self.network(weights, key, *self.call.filled(single), noisy=noisy), 1)[0]

        if not self.consistent:
            noise = jax.random.split(noise, next(len(a) for a, own in zip(arrays, self.call.rows, strict=True) if own))
        axes = (None if self.consistent else 0, *(0 if own else None for own in self.call.rows))
        return jax.vmap(row, in_axes=axes)(noise, *arrays)

    def _probs(self, returned: Any, rows: int) -> Any:
        found = adapting.pick(returned, self.output)
        if not isinstance(found, jax.Array):
            raise TypeError(f"output: expected an array, got {type(found).__name__}. Name it: output=...")
        if found.ndim == 0 or len(found) != rows:
            raise ValueError(f"output: expected {rows} rows on axis 0, as the model was given, got shape {found.shape}.")
        if found.dtype in (jnp.float16, jnp.bfloat16):
            found = found.astype(jnp.float32)
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

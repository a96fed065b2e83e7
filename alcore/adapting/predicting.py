"""What every adapter does with what its model returns: axes in order, checked, block by block, to memory or to a file.

An adapter brings two things: batches, and a function that runs its model on one of them for one draw. `alcore_torch`,
`alcore_keras`, `alcore_flax` and `alcore_sklearn` are such adapters; this module is public so that others can be written.
"""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Bools, as_size
from alcore.sources.files import open_predictions
from alcore.sources.progress import track
from alcore.sources.writing import Saving, concatenate_draws, mask_path

NEAR = 1e-3  # by which probabilities of the same rows and draws may differ when a run goes on, on another machine say
ALIKE = 1e-4  # by which a row may differ where other rows come before it
DTYPES = ("float16", "float32", "float64")
_MASK_64 = (1 << 64) - 1

Forward = Callable[[Any, int, int], Array]
Made: TypeAlias = tuple[Array, Bools | None]  # a block, and which of its cells are padding


class Member(Protocol):
    """What runs a member that is loaded in turn: told the request of each, then called with a batch, a block and a draw."""

    def begin(self, request: Request) -> None: ...

    def __call__(self, batch: Any, block: int, draw: int) -> Array: ...


@dataclass(frozen=True)
class Request:
    """What is asked of a model, as every ``predict`` takes it.

    Args:
        draws: T, of each member.
        consistent: draw t is one network for every row: one mask for all rows of all blocks.
        seed: an integer; the same seed, data and block size give the same bits.
        dtype: of what is kept: "float16", "float32" or "float64".
        kind: what the model returns, "probs" or "logits"; of logits the softmax is taken.
        class_axis: the axis of what the model returns that holds the classes.
        members: networks of an ensemble, whose draws stand one after the other.
        first: the number of the first draw, where others are made elsewhere.
    """

    draws: int
    consistent: bool = True
    seed: int = 0
    dtype: npt.DTypeLike = "float32"
    kind: str = "probs"
    class_axis: int = 1
    members: int = 1
    first: int = 0

    def __post_init__(self) -> None:
        as_size(self.draws, "draws")
        door.as_flag(self.consistent, "consistent")
        door.as_kind(self.kind)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | np.integer):
            raise TypeError(f"seed: expected an integer, got {type(self.seed).__name__}.")
        if isinstance(self.class_axis, bool) or not isinstance(self.class_axis, int):
            raise TypeError(f"class_axis: expected an integer, got {type(self.class_axis).__name__}.")
        if np.dtype(self.dtype).name not in DTYPES:
            raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {np.dtype(self.dtype).name!r}.")

    @property
    def all_draws(self) -> int:
        return self.draws * self.members

    def seed_of(self, draw: int, block: int, *place: int) -> int:
        """A seed for a place in the network: of this draw, and of this block where draws need not be consistent."""
        return mix(self.seed, self.first + draw, *(() if self.consistent else (1 + block,)), *place)

    @property
    def said(self) -> dict[str, Any]:
        """What a run that goes on must be asked for again."""
        return {
            "draws": self.draws,
            "members": self.members,
            "first": self.first,
            "consistent": self.consistent,
            "seed": int(self.seed),
            "dtype": np.dtype(self.dtype).name,
            "kind": self.kind,
        }


@dataclass(frozen=True)
class Checkpoints:
    """An ensemble on disk: weights that are loaded into one model, one member at a time.

    Args:
        model: what the weights fit.
        paths: files of weights, a member each.
    """

    model: Any
    paths: Sequence[str | os.PathLike[str]]


class Predictions(Iterator[Array]):
    """Blocks (n, C, ..., T) of probabilities, made as they are asked for, once; any function of alcore takes them."""

    def __init__(self, blocks: Iterator[Made]) -> None:
        self._blocks = blocks
        self._masks: list[Bools] = []

    def __next__(self) -> Array:
        block, mask = next(self._blocks)
        if mask is not None:
            self._masks.append(mask)
        return block

    @property
    def mask(self) -> Bools | None:
        """(N, ...) True where a cell is padding, of the blocks so far; None without ``mask=``."""
        return np.concatenate(self._masks) if self._masks else None


def predict(
    batches: Iterable[Any],
    runs: Sequence[Forward],
    request: Request,
    *,
    rows: int | None,
    out: str | os.PathLike[str] | None = None,
    mask: Callable[[Any], Any] | None = None,
    progress: bool = True,
) -> Any:
    """Run a model draw after draw on batch after batch.

    Args:
        batches: what the model is run on, in the order of the rows; each becomes a block.
        runs: for each member a `Run`, or any ``run(batch, block, draw)`` -> an array (n, ...), classes on the request's axis.
        request: what is asked for.
        rows: N, where it is known.
        out: a .npy or .zarr file to write, block by block. A run that was killed goes on from the last whole block.
        mask: a batch -> (n, ...) True where a cell is padding.
        progress: whether a bar shows.

    Returns: `Predictions`, or with ``out`` the file, opened; the mask is then in ``<name>.mask.npy``.

    Raises: ValueError for outputs that do not fit together, C = 1, and a file that was begun by another run.
    """
    if out is None:
        made = _blocks(batches, runs, request, mask)
        return Predictions(_tracked(made, rows, progress))
    with Saving(out, rows, request.said) as saving:
        blocks = _blocks(batches, runs, request, mask, saving)
        for block, padding in _tracked(blocks, rows, progress):
            saving.append(block, padding)
    return open_predictions(out)


def predict_in_turn(
    members: Sequence[Callable[[], None]],
    batches: Callable[[], Iterable[Any]],
    run: Member,
    request: Request,
    *,
    rows: int | None,
    out: str | os.PathLike[str] | None,
    mask: Callable[[Any], Any] | None = None,
    progress: bool = True,
) -> Any:
    """Members that do not fit into memory together: ``run`` predicts all rows after each is loaded; draws are joined in ``out``.

    What a member predicted is kept beside ``out`` until all have: a run that was killed goes on with the member it was at.
    """
    once = batches()
    if once is batches() and isinstance(once, Iterator):
        raise ValueError(
            "data: an iterator gives its batches once, and each checkpoint needs them. Pass a list or a loader."
        )
    if out is None:
        raise ValueError(
            "out: members loaded one at a time each predict all rows, so their draws are joined in a file: out=..."
        )
    target, files = Path(out), []
    for place, load in enumerate(members):
        file = target.with_name(f"{target.stem}.member-{place}{target.suffix}")
        if not file.exists():
            load()
            own = replace(request, first=request.first + place * request.draws)
            run.begin(own)
            predict(batches(), [run], own, rows=rows, out=file, mask=mask, progress=progress)
        files.append(file)
    joined = concatenate_draws(files, target)
    if mask_path(files[0]).exists():
        os.replace(mask_path(files[0]), mask_path(target))
    for file in files:
        mask_path(file).unlink(missing_ok=True)
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    return joined


def predict_members(
    runs: Sequence[Any],
    batches: Callable[[], Iterable[Any]],
    request: Request,
    loads: Sequence[Callable[[], None]] | None,
    restore: Callable[[], None] | None = None,
    **given: Any,
) -> Any:
    """Members in memory, or one into which each of ``loads`` writes another's weights, and ``restore`` its own at last."""
    if loads is None:
        return predict(batches(), runs, request, **given)
    try:
        return predict_in_turn(loads, batches, runs[0], request, **given)
    finally:
        if restore is not None:
            restore()


def _tracked(blocks: Generator[tuple[int, Made], None, None], rows: int | None, progress: bool) -> Iterator[Made]:
    with closing(track(blocks, rows, "rows predicted") if progress else blocks) as tracked:
        yield from (made for _, made in tracked)


def _blocks(
    batches: Iterable[Any],
    runs: Sequence[Forward],
    request: Request,
    mask: Callable[[Any], Any] | None,
    saving: Saving | None = None,
) -> Generator[tuple[int, Made], None, None]:
    """(rows so far, (block, padding)) of the batches that are not on disk yet."""
    stop, done = 0, list(saving.ends) if saving else []
    for number, batch in enumerate(batches):
        if number < len(done):
            if number == len(done) - 1:
                assert saving is not None
                _check_same(saving, _block(batch, runs, request, number), number)
            stop = done[number]
            continue
        block = _block(batch, runs, request, number)
        stop += len(block)
        padding = None if mask is None else _padding(mask(batch), block)
        yield stop, (block, padding)
    if stop < (done[-1] if done else 0):
        raise ValueError(f"{saving and saving.part}: holds {done[-1]} rows already, but the data ends after {stop}.")


def _block(batch: Any, runs: Sequence[Forward], request: Request, number: int) -> Array:
    with ExitStack() as stack:
        for run in runs:
            if isinstance(run, Run):
                stack.enter_context(run.ready())
        return _draws(batch, runs, request, number)


def _draws(batch: Any, runs: Sequence[Forward], request: Request, number: int) -> Array:
    block, axis = None, request.class_axis
    for draw in range(request.all_draws):
        probs = np.asarray(runs[draw // request.draws](batch, number, draw))
        if block is None:
            if probs.ndim < 2 or not -probs.ndim <= axis < probs.ndim or axis % probs.ndim == 0:
                raise ValueError(
                    f"output: expected rows on axis 0 and classes on axis {axis} (class_axis), got shape "
                    f"{probs.shape}. Name the tensor: output=..., and its axis: class_axis=..."
                )
            shape = np.moveaxis(probs, axis, 1).shape
            if shape[1] == 1:
                raise ValueError(
                    f"output: expected at least 2 classes on axis {axis}, got shape {probs.shape}. One probability "
                    "of two classes: return both, p and 1 - p, and say kind='probs'. Another axis: class_axis=..."
                )
            block = np.empty((*shape, request.all_draws), request.dtype)
        found = np.moveaxis(probs, axis, 1)
        if found.shape != block.shape[:-1]:
            raise ValueError(f"draw {draw}: expected shape {block.shape[:-1]}, as draw 0 has, got {found.shape}.")
        block[..., draw] = found
    assert block is not None
    return block


def _check_same(saving: Saving, again: Array, number: int) -> None:
    """The last block of the run before, predicted anew, tells another model, other data or another order of it."""
    before = saving.last_block()
    same = before.shape == again.shape
    if not same or not np.allclose(
        before.astype(np.float64), again.astype(np.float64), rtol=0, atol=NEAR, equal_nan=True
    ):
        found = "another shape" if not same else "other probabilities"
        raise ValueError(
            f"{saving.part}: block {number} of the run to go on with has {found} than this model gives for these data. The model, "
            "the data or the batches are not those it was begun with: delete the folder to begin again."
        )


def _padding(mask: Any, block: Array) -> Bools:
    padding = np.asarray(mask)
    expected = (len(block), *block.shape[2:-1])
    if padding.dtype != np.bool_ or padding.shape != expected:
        raise ValueError(
            f"mask: expected True or False of shape {expected}, got {padding.dtype} of shape {padding.shape}."
        )
    return padding


# --- what adapters share ----------------------------------------------------------------------------------------------


class Run(ABC):
    """One model, run on one batch for one draw; what it says is checked where the number of rows is new."""

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
        """Nothing of the model is known yet."""
        self.request = request
        self._rows: int | None = None
        self._last: tuple[int, Any] | None = None  # a block, and what the model is called with for it
        self._made: Iterator[tuple[int, Array]] = iter(())  # draws of that block that are made with an earlier one

    def ready(self) -> AbstractContextManager[object]:
        """What holds while the draws of a block are made, and no longer."""
        return nullcontext()

    @abstractmethod
    def as_tensor(self, leaf: Any) -> Any:
        """An array as the framework takes it, on the model's device; what is no array as it is."""

    @abstractmethod
    def probs(self, given: Any, block: int, draw: int) -> tuple[Array, bool]:
        """What the model says (probabilities, or as it is: ``request.kind``), and whether anything in it drew noise."""

    def several(self, given: Any, block: int, draws: range) -> Iterable[Array]:
        """What the model says in the first of these draws, or in as many of them, one by one, as are better made together."""
        return [self.probs(given, block, draws[0])[0]]

    @abstractmethod
    def turn(self, tensor: Any) -> Any:
        """The rows of a tensor in the opposite order."""

    def __call__(self, batch: Any, block: int, draw: int) -> Array:
        if self._last is None or self._last[0] != block:
            given = map_leaves(first_of(batch, self._inputs), self.as_tensor)
            self._last, self._made = (block, given), iter(())
            rows = row_count(given)
            if rows != self._rows:
                self._check(given, rows, block, draw)
                self._rows = rows
        made, probs = next(self._made, (None, None))
        if probs is None or made != draw:
            draws = range(draw, draw - draw % self.request.draws + self.request.draws)
            self._made = zip(draws, self.several(self._last[1], block, draws), strict=False)
            _, probs = next(self._made)
        return probs

    def _check(self, given: Any, rows: int, block: int, draw: int) -> None:
        """Refuse draws that are not one network for every row, and draws that are all the same."""
        found, noisy = self.probs(given, block, draw)
        if self.request.consistent and rows > 1:
            turned = map_leaves(given, lambda leaf: self.turn(leaf) if _rows(leaf) == rows else leaf)
            again = self.probs(turned, block, draw)[0][::-1]
            if again.shape != found.shape or not np.allclose(again, found, rtol=ALIKE, atol=ALIKE, equal_nan=True):
                refuse_inconsistent(self.name)
        if not noisy and self.request.draws > 1:
            again = self.probs(given, block, draw + 1)[0]
            if np.array_equal(found, again, equal_nan=True):
                refuse_same_draws(self.name, self.request.draws)


def refuse_inconsistent(name: str) -> NoReturn:
    raise ValueError(
        f"consistent: what {name} says of a row depends on its place among the rows, so draws are not one network for every "
        "row: a layer draws noise of its own, or rows are mixed. consistent=False serves row-wise heuristics."
    )


def refuse_same_draws(name: str, draws: int) -> NoReturn:
    raise ValueError(
        f"draws: no dropout is active in {name}, so all {draws} draws would be the same. draws=1, DropConnect(model), or a "
        "list of models."
    )


def map_leaves(given: Any, function: Callable[[Any], Any]) -> Any:
    """A function on everything in nested dictionaries, tuples and lists."""
    if isinstance(given, Mapping):
        return {key: map_leaves(value, function) for key, value in given.items()}
    if isinstance(given, tuple | list):
        mapped = [map_leaves(value, function) for value in given]
        return mapped if isinstance(given, list) else tuple(mapped)
    return function(given)


def row_count(given: Any) -> int:
    """The length of the first array in it."""
    if isinstance(given, Mapping | tuple | list):
        values = given.values() if isinstance(given, Mapping) else given
        return next((rows for rows in map(row_count, values) if rows >= 0), -1)
    return _rows(given)


def _rows(leaf: Any) -> int:
    shape: tuple[int, ...] = getattr(leaf, "shape", ())
    return int(shape[0]) if len(shape) else -1


def call(model: Callable[..., Any], given: Any) -> Any:
    """A dictionary as keyword arguments, a tuple as arguments, anything else as the one argument."""
    if isinstance(given, Mapping):
        return model(**given)
    return model(*given) if isinstance(given, tuple) else model(given)


def mix(*numbers: int) -> int:
    """A seed of 63 bits that each of the numbers changes (SplitMix64, Steele et al. 2014)."""
    state = 0
    for number in numbers:
        state = (state + (number & _MASK_64) + 0x9E3779B97F4A7C15) & _MASK_64
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK_64
        state ^= state >> 31
    return state >> 1


def pick(returned: Any, output: str | int | Callable[[Any], Any] | None) -> Any:
    """The tensor among what a model returned: by key or attribute, by place, or by a function."""
    if callable(output):
        return output(returned)
    if output is None:
        names = _names(returned)
        if names:
            raise TypeError(f"output: the model returns {type(returned).__name__} with {names}. Name one: output=...")
        return returned
    if isinstance(output, str) and not isinstance(returned, Mapping) and hasattr(returned, output):
        return getattr(returned, output)
    try:
        return returned[output]
    except (KeyError, IndexError, TypeError) as error:
        has = _names(returned) or "no parts"
        raise ValueError(f"output: no {output!r} in {type(returned).__name__}, which has {has}.") from error


def _names(returned: Any) -> str:
    if isinstance(returned, Mapping):
        return ", ".join(repr(key) for key in returned)
    if isinstance(returned, tuple | list):
        return f"{len(returned)} parts, 0 to {len(returned) - 1}"
    if hasattr(returned, "__dataclass_fields__") and not hasattr(returned, "__array__"):
        return ", ".join(repr(name) for name in returned.__dataclass_fields__)
    return ""


def first_of(batch: Any, inputs: Callable[[Any], Any] | None = None) -> Any:
    """What of a batch the model is called with: itself, the first part of a tuple or list (x, y), or ``inputs`` of it."""
    if inputs is not None:
        return inputs(batch)
    if isinstance(batch, tuple | list):
        if not batch:
            raise ValueError("data: expected batches with something in them, got an empty tuple.")
        return batch[0]
    return batch


def as_members(model: Any, kinds: Any, said: str) -> list[Any]:
    """A model, or the several of an ensemble."""
    members = list(model) if isinstance(model, list | tuple) else [model]
    if not members or not all(isinstance(one, kinds) for one in members):
        raise TypeError(f"model: expected {said} or several, got {type(model).__name__}.")
    return members


def as_batches(data: Any, batch_size: int, said: str = "an array, a dictionary of arrays or batches") -> Iterable[Any]:
    """Arrays in batches of rows, those of a dictionary side by side; batches as they are."""
    if isinstance(data, Mapping):
        cuts = (cut(array, batch_size) for array in data.values())
        return (dict(zip(data, parts, strict=True)) for parts in zip(*cuts, strict=True))
    if hasattr(data, "shape"):
        return cut(data, batch_size)
    if isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return data
    raise TypeError(f"data: expected {said}, got {type(data).__name__}.")


def known_rows(data: Any) -> int | None:
    """N where arrays tell it."""
    if isinstance(data, Mapping):
        sizes = {name: len(array) for name, array in data.items()}
        if len(set(sizes.values())) != 1:
            raise ValueError(f"data: expected arrays with the same number of rows, got {sizes}.")
        return next(iter(sizes.values()))
    return len(data) if hasattr(data, "shape") else None


def cut(array: Any, batch_size: int) -> Iterator[Any]:
    """An array or tensor in batches of rows."""
    size = as_size(batch_size, "batch_size")
    return (array[start : start + size] for start in range(0, len(array), size))


def as_rate(rate: float) -> float:
    """With what probability weights are dropped."""
    if not 0 <= rate < 1:
        raise ValueError(f"rate: expected a probability of at least 0 and below 1, got {rate}.")
    return float(rate)


def is_among(name: str, layer: Any, layers: Iterable[type | str]) -> bool:
    """Whether a layer is meant: by its name or its type."""
    return any(name == one if isinstance(one, str) else isinstance(layer, one) for one in layers)


def as_mask(mask: str | Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    """A batch -> True where a cell is padding: a function, or the key of an attention mask, which is 0 there."""
    if mask is None or callable(mask):
        return mask
    return lambda batch: np.asarray((batch if isinstance(batch, Mapping) else first_of(batch))[mask]) == 0


def refuse_missing(extra: str, error: ImportError) -> ImportError:
    """What an adapter raises where its framework is not installed."""
    return ImportError(f"alcore_{extra} needs its framework: pip install 'alcore[{extra}]' ({error}).")

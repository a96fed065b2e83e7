"""Predictions of a PyTorch model, or of several, draw by draw."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from alcore import adapting
from alcore_torch.modules import Switches, Watch
from alcore_torch.noise import Draw
from alcore_torch.prefix import Prefix
from alcore_torch.weights import InitialWeights


class Checkpoints(adapting.Checkpoints):
    """An ensemble on disk: state dictionaries that are loaded into one model, one at a time (``weights_only=True``).

    Args:
        model: the module the states fit; its own weights are written back afterwards.
        paths: files written by ``torch.save(model.state_dict(), path)``, a member each.

    >>> import alcore_torch, torch, tempfile, pathlib
    >>> folder, model = pathlib.Path(tempfile.mkdtemp()), torch.nn.Linear(4, 3)
    >>> torch.save(model.state_dict(), folder / "0.pt")
    >>> members = alcore_torch.Checkpoints(model, [folder / "0.pt", folder / "0.pt"])
    >>> alcore_torch.predict(members, torch.ones(10, 4), draws=1, kind="logits", out=folder / "preds.npy").shape
    (10, 3, 2)
    """


def predict(
    model: nn.Module | Sequence[nn.Module] | Checkpoints,
    data: Any,
    *,
    draws: int,
    consistent: bool = True,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    dtype: npt.DTypeLike = "float32",
    output: str | int | Callable[[Any], Any] | None = None,
    class_axis: int | None = None,
    draw_axis: int | str | None = None,
    noise: adapting.Layers | None = None,
    kind: str = "probs",
    inputs: Callable[[Any], Any] | None = None,
    mask: str | Callable[[Any], Any] | None = None,
    ids: str | int | Callable[[Any], Any] | None = None,
    batch_size: int = 128,
    progress: bool = True,
) -> Any:
    """Blocks (n, C, ..., T) of what a model with noise says in ``draws`` draws; with ``out`` the file they are written to.

    The first batch is run once as in training: modules that draw random numbers there are on, everything else is in inference.
    What the user switched off stays off: some noise layers where others are on, or a part that ``model.train()`` leaves out. Every
    flag and statistic is kept. With ``consistent`` draws, which BatchBALD, EPIG, ICAL and replay need, draw t is one network: one
    mask, or one set of weights, for all rows of all blocks. Without, every row has noise of its own, as plain MC dropout. Gal &
    Ghahramani 2016 (arXiv:1506.02142).

    Args:
        model: a module, or several of an ensemble (`Checkpoints`: on disk), whose draws stand one after the other along T; their
            noise is on too, so an ensemble of plain networks has draws=1. `DropConnect(model)` drops weights instead.
        data: a tensor or array (N, ...) or a dictionary of such, a Dataset, a DataLoader that does not shuffle, or batches. A batch
            may be a dictionary, a dataclass or a named tuple of tensors, or an object with a ``to`` of its own, as a graph.
        draws: T, of each member.
        seed: the same seed and block size give the same bits; other block sizes the same masks, and probabilities to 1e-6.
        out: a .npy or .zarr file that does not exist, written block by block; a run that was killed goes on with the same bits.
        dtype: of what is kept: float16, float32 or float64.
        output: which of what the model returns: a key or attribute ("logits"), a place, or a function.
        class_axis: where the classes are in it: 1 in (N, C, H, W), -1 in (N, tokens, C). By default 1; where it has three axes say
            which one, unless it is probabilities, which show it.
        draw_axis: where draws are in it, if a forward pass makes several (T is then ``draws`` times those): an axis, as 0 of
            (M, N, C), or "draws-first" or "rows-first" where they are folded into the axis of rows; not counted by ``class_axis``.
        noise: types or names of modules, or functions of a name and a module, that run as in training beside those that are found.
        kind: what the model returns: "logits", whose softmax is taken, or "probs", passed on as they are.
        inputs: a batch -> what the model is called with; a tuple or a dictionary becomes its arguments. By default the first part
            of a tuple or list (x, y), all of a dictionary, or the batch itself.
        mask: a batch -> True where a cell is padding, or the key of an attention mask; `Predictions.mask`, ``<name>.mask.npy``.
        ids: a batch -> which example each row is, or the key or place of that; `Predictions.ids`, ``<name>.ids.npy``. Each once;
            with them data may come in any order.
        batch_size: rows of a block, where data does not come in batches.
        progress: a bar on terminals after two seconds, where rich is installed.

    Returns: an iterator of NumPy blocks that every function of alcore takes, or with ``out`` the file, opened.
    Cost: N·T forward passes in batches, of consistent draws from the first noise on: modules that end before it are called once a
    block; and some 20 passes that look at the model and its rows, in the first blocks. Memory of one block, n·C·T numbers, and at
    most 64 MiB of what those modules returned.
    Raises: ValueError where the model draws no random numbers and draws > 1 (every draw would be the same), where it is not known
    which numbers belong to which row, where a row depends on the rows beside it, for other rows than were given, for data that drop
    rows or are not certain to keep their order, and as `alcore.adapting.predict`.
    Warns: SilentNoiseWarning where layers that draw in training stay off; UserWarning where all draws of a block are the same.

    >>> import alcore, alcore_torch, torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 3))
    >>> preds = alcore_torch.predict(model, torch.randn(100, 4), draws=20, kind="logits", seed=1)
    >>> len(alcore.BatchBALD().select(preds, k=5, rng=0))
    5
    """
    stored = model if isinstance(model, Checkpoints) else None
    members = adapting.as_members(stored.model if stored else model, nn.Module, "a torch.nn.Module")
    request = adapting.Request(draws, consistent, seed, dtype, kind, class_axis, len(members), draw_axis=draw_axis)
    data = DataLoader(data, batch_size) if isinstance(data, Dataset) else data
    runs = [_Run(one, noise, request, output, inputs) for one in members]
    loads = [partial(_load, stored.model, path) for path in stored.paths] if stored else None
    given: dict[str, Any] = {"out": out, "mask": adapting.as_mask(mask), "ids": adapting.as_ids(ids)}
    given |= {"rows": adapting.known_rows(data, ids), "progress": progress}
    restore = InitialWeights(members[0]).restore if stored else None
    return adapting.predict_members(runs, partial(_batches, data, batch_size), request, loads, restore, **given)


def _load(model: nn.Module, path: str | os.PathLike[str]) -> None:
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))


class _Run(adapting.Run):
    ops = adapting.Ops("torch", torch.reshape, torch.moveaxis, torch.softmax)
    remedies = adapting.Remedies(
        "draws=1, DropConnect(model), a list of models, or the layers that make its noise: noise=...",
        "Let a layer that uses statistics of the batch use those that it kept in training, or call the model with a flag that "
        "turns them off: inputs=...",
    )

    def __init__(self, model: nn.Module, noise: adapting.Layers | None, *options: Any) -> None:
        super().__init__(type(model).__name__, *options)
        if any(isinstance(one, torch.jit.ScriptModule) for one in model.modules()):
            raise ValueError("model: noise of scripted and traced modules is not followed. Pass what it was made of.")
        self._model, self._switches, self._precision = model, Switches(model, noise), torch.float32
        self._fast: int | None = 0  # the number of noises of a pass that runs in inference mode; None where it cannot
        self.device = next((one.device for one in (*model.parameters(), *model.buffers())), torch.device("cpu"))

    def as_tensor(self, leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            leaf = torch.from_numpy(np.require(leaf, requirements=["C", "W"]))  # a copy of what is read-only
        if adapting.is_object(leaf):
            return leaf.to(self.device)
        if not isinstance(leaf, Tensor):
            return leaf
        return (leaf.clone() if leaf.is_inference() else leaf).to(self.device)  # inference tensors have no version

    def take(self, tensor: Tensor, rows: list[int]) -> Tensor:
        return tensor[torch.tensor(rows, device=tensor.device)]

    def join(self, tensor: Tensor, other: Tensor) -> Tensor:
        return torch.cat([tensor, other])

    @contextmanager
    def ready(self) -> Iterator[None]:
        """In inference mode operations would not come one by one."""
        with torch.inference_mode(False), torch.no_grad(), self._switches.set():
            yield

    @contextmanager
    def generators_kept(self) -> Iterator[None]:
        devices = range(torch.cuda.device_count()) if self.device.type == "cuda" else ()
        with super().generators_kept(), torch.random.fork_rng(devices):
            yield

    def prepare(self, given: Any, block: int, draw: int) -> None:
        adapting.check_call(self._model.forward, given, self.name)
        self._switches.find(lambda: adapting.call(self._model, given))

    def states(self) -> dict[str, Any]:
        states = [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [])]
        return {**super().states(), "PyTorch's global generator": [state.numpy().tobytes() for state in states]}

    def seed(self, seed: int) -> None:
        super().seed(seed)
        torch.default_generator.manual_seed(
            seed
        )  # torch.manual_seed writes down the stack each time: half of a small pass
        if self.device.type == "cuda":
            torch.cuda.manual_seed_all(seed)

    @property
    def tolerance(self) -> float:
        return max(adapting.ALIKE, 4 * torch.finfo(self._precision).eps)

    def noises(self, given: Any, block: int, draw: int) -> list[adapting.Noise]:
        with Watch(self._model, self.request.seed_of(draw, block)) as noise:
            adapting.call(self._model, given)
        self._fast = (
            None if self._fast is None else noise.calls
        )  # what the model keeps from this pass can be trained with
        return noise.noises

    def probs(self, given: Any, block: int, draw: int) -> adapting.Array:
        found = adapting.pick(self._returned(given, block, draw), self.output)
        if not isinstance(found, Tensor):
            raise TypeError(f"output: expected a tensor, got {type(found).__name__}. Name it: output=...")
        if found.is_floating_point():
            self._precision = found.dtype
        found = found if found.dtype == torch.float64 else found.float()
        return self.arranged(found, adapting.row_count(given)).cpu().numpy()  # type: ignore[no-any-return]

    def _returned(self, given: Any, block: int, draw: int) -> Any:
        """Plain draws run in inference mode, where they can: a small network takes 1.9 ms there, and 2.3 elsewhere.

        A model cannot take gradients itself there, and what recurrent layers draw does not come one by one, as its number tells.
        """
        axes, rows, seed = self.axes_of(draw), adapting.row_count(given), self.request.seed_of(draw, block)
        if self._fast and axes is None:
            try:
                with torch.inference_mode(), Draw(seed) as noise:
                    returned = adapting.call(self._model, given)
                if noise.calls == self._fast:
                    return returned
            except RuntimeError:
                self._fast = None
        with Draw(seed, rows, axes):
            return adapting.call(self._model, given)

    def several(self, given: Any, block: int, draws: range) -> Iterator[adapting.Array]:
        """All, of which what comes before their noise is computed once."""
        prefix = Prefix() if self.request.consistent and not self._seeded else None
        for draw in draws:
            yield self.predicted(given, block, draw, partial(prefix.of, self._model) if prefix else nullcontext)


# --- data -------------------------------------------------------------------------------------------------------------


def _batches(data: Any, batch_size: int) -> Iterable[Any]:
    if isinstance(data, DataLoader):
        return _apart(data)
    return adapting.as_batches(data, batch_size, "an array, a dictionary of arrays, a Dataset, a DataLoader or batches")


def _apart(loader: DataLoader[Any]) -> Iterator[Any]:
    """Its batches. What it and its data set draw from the global generator goes on from batch to batch, and the generator stays."""
    state, batches, found = torch.get_rng_state(), None, [None]
    while found:
        with torch.random.fork_rng([]):
            torch.set_rng_state(state)
            batches = iter(loader) if batches is None else batches
            found, state = [*islice(batches, 1)], torch.get_rng_state()
        yield from found

"""Predictions of a PyTorch model, or of several, draw after draw."""

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

from alcore import SharedStore, adapting
from alcore_torch.device import together
from alcore_torch.modules import Switches, Watch
from alcore_torch.noise import Draw
from alcore_torch.prefix import Prefix
from alcore_torch.weights import InitialWeights


class Checkpoints(adapting.Checkpoints):
    """An ensemble on disk. Its state dictionaries are loaded into one model, one at a time, with ``weights_only=True``.

    `predict` runs all rows with one member before it loads the next. So it needs ``out``, where a file joins the draws. Deep
    ensembles: Lakshminarayanan et al. 2017 (arXiv:1612.01474).

    Args:
        model: the module that the states fit. Its own weights are written back afterwards.
        paths: files that ``torch.save(model.state_dict(), path)`` wrote, one for each member.

    Examples:
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
    out: str | os.PathLike[str] | SharedStore | None = None,
    rows: tuple[int, int] | None = None,
    dtype: npt.DTypeLike = "float32",
    output: str | int | Callable[[Any], Any] | None = None,
    variance: str | int | Callable[[Any], Any] | None = None,
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
    """Predict with a model whose noise is on, draw after draw: blocks (n, C, ..., T).

    Draw t of row n is p(y | xₙ, θₜ): the class probabilities by the network θₜ. Modules that draw random numbers in training run
    as in training, and everything else runs as in inference. The first block shows which modules these are: it runs once as in
    training. What you switched off stays off: some noise layers where others are on, or a part that ``model.train()`` leaves out.
    Every flag and statistic of the model stays what it is. Gal & Ghahramani 2016 (arXiv:1506.02142).

    Cost is N·T forward passes in blocks, and some 20 passes in the first blocks that look at the model and its rows. Modules
    that end before the first noise run once for each block. Memory is one block, n·C·T numbers, and at most 64 MiB of what those
    modules returned. On a GPU the draws of a block stay there until all are made, up to 256 MiB of them. Then one copy into pinned
    memory brings them, in half precision with ``dtype="float16"``.

    Args:
        model: a module, or a list of several, an ensemble. The draws of one member follow those of the other along T.
            The noise of members is on too, so pass draws=1 for an ensemble of networks without noise. `Checkpoints` is an ensemble
            on disk. `DropConnect(model)` drops weights instead of activations.
        data: a tensor or array (N, ...), a dictionary of these, a Dataset, a DataLoader that does not shuffle, or an iterable of
            blocks. A block may be a dictionary, a dataclass or a named tuple of tensors, or an object with a method ``to``, such
            as a graph.
        draws: how many draws each member makes. T is ``draws`` times the number of members.
        consistent: True: draw t is one network, so all rows of all blocks share its masks and weights. BatchBALD, EPIG, ICAL and
            replay need this. False: every row has noise of its own, as in plain MC dropout.
        seed: the same seed and block size give the same bits. Another block size gives the same masks, and probabilities that are
            equal to 1e-6.
        out: a .npy or .zarr file that does not exist yet. It is written block by block. A run that was killed goes on with its file
            and gives the same bits. Or an `alcore.SharedStore`, beside ``rows``.
        rows: (start, stop) with a `SharedStore`: which of its rows the data are. Several processes predict one range each, with the
            same networks, into one zarr array. A range that is there is not predicted again.
        dtype: the type of the predictions: "float16", "float32" or "float64".
        output: the tensor to take from what the model returns: a key or an attribute ("logits"), a place, or a function.
        variance: of kind "mean", the tensor with the variances of the noise, named as `output` is. For a head of logarithms pass a
            function: ``variance=lambda returned: returned["log_variance"].exp()``. The blocks are then pairs
            (means, variances). With ``out`` the file is (N, 2·D, ..., T), the means first, and a pair is returned.
        class_axis: the axis of the output that holds the classes, counted without the axis of draws: 1 in (N, C, H, W), -1 in
            (N, tokens, C). The default is 1. For an output with three axes name it, unless kind="probs": the axis along which
            probabilities sum to 1 is found.
        draw_axis: for a model that makes M draws in one forward pass: the axis of the output that holds them, such as 0 in
            (M, N, C). "draws-first" or "rows-first" where draws and rows share axis 0, (M·N, C) or (N·M, C). T is then M times
            ``draws``.
        noise: modules that run as in training beside those that the adapter finds: types, names, functions (name, module) -> bool,
            or a tuple of these.
        kind: what the model returns: "probs", which are kept as they are, or "logits", of which the adapter takes the softmax.
            "binary" or "binary_logits" where it returns one number a row: pass the predictions with kind="binary" then, of shape
            (N, 1, ..., T). "multilabel" or "multilabel_logits" where it returns several labels, each of them yes or no: pass the
            predictions with kind="multilabel". "mean" for the means of numbers, (N,) or (N, D, ...).
        inputs: a function of a block that gives what the model is called with. A tuple becomes positional arguments, a dictionary
            keyword arguments. By default it is the first part of a tuple or list (x, y), or the whole block.
        mask: a function of a block that gives True where a cell is padding, or the key of an attention mask, which is 0 there.
            `Predictions.mask` has it, or ``<name>.mask.npy`` beside the file.
        ids: which example each row is: a function of a block that gives the ids of its rows, or their key or place in the block.
            Each id comes once. With ids, data may come in any order. `Predictions.ids` has them, or ``<name>.ids.npy`` beside the
            file.
        batch_size: the rows of one block, for data that does not come in blocks.
        progress: whether a bar shows. It comes on terminals after two seconds, where rich is installed.

    Returns:
        `Predictions`, an iterator of NumPy blocks (n, C, ..., T) that every function of alcore takes. They are
            probabilities from 0 to 1, without a unit. With ``out``, the file, opened, and with ``rows`` the store.

    Raises:
        ValueError: where the model draws no random numbers and draws > 1, because all draws would be the same. Where it is not
            known which numbers belong to which row. Where the prediction of a row depends on the rows beside it. For data that
            drops rows, or that is not certain to keep its order. For what `alcore.adapting.predict` refuses.
        TypeError: for a model, data or an output of another type.

    Warns:
        SilentNoiseWarning: where layers that draw random numbers in training stay off.
        UserWarning: where the model draws random numbers and all draws of the first block are the same.

    Examples:
        >>> import alcore, alcore_torch, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 3))
        >>> preds = alcore_torch.predict(model, torch.randn(100, 4), draws=20, kind="logits", seed=1)
        >>> len(alcore.BatchBALD().select(preds, k=5, rng=0))
        5
    """
    stored = model if isinstance(model, Checkpoints) else None
    members = adapting.as_members(stored.model if stored else model, nn.Module, "a torch.nn.Module")
    request = adapting.Request(draws, consistent, seed, dtype, kind, class_axis, len(members), draw_axis=draw_axis)
    output, request = adapting.with_variance(output, variance, request, _Run.ops)
    data = DataLoader(data, batch_size) if isinstance(data, Dataset) else data
    runs = [_Run(one, noise, request, output, inputs) for one in members]
    loads = [partial(_load, stored.model, path) for path in stored.paths] if stored else None
    given: dict[str, Any] = {"mask": adapting.as_mask(mask), "ids": adapting.as_ids(ids), "progress": progress}
    given["rows"], held = adapting.known_rows(data, ids), partial(_held, members)
    given["out"] = adapting.as_out(out, rows, given["rows"], request, held, stored)
    restore = InitialWeights(members[0]).restore if stored else None
    return adapting.predict_members(runs, partial(_batches, data, batch_size), request, loads, restore, **given)


def _held(members: Sequence[nn.Module]) -> list[Any]:
    return [(repr(one), one.state_dict()) for one in members]


def _load(model: nn.Module, path: str | os.PathLike[str]) -> None:
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))


class _Run(adapting.Run):
    ops = adapting.Ops("torch", torch.reshape, torch.moveaxis, torch.softmax, torch.sigmoid, torch.cat)
    remedies = adapting.Remedies(
        "Pass draws=1, DropConnect(model), a list of models, or the names of the layers that make noise: noise=('name',).",
        "Replace the layer that looks at other rows by one that does not: torch.nn.LayerNorm. Or call the model with a flag that "
        "turns it off: inputs=lambda x: (x, False).",
    )

    def __init__(self, model: nn.Module, noise: adapting.Layers | None, *options: Any) -> None:
        super().__init__(type(model).__name__, *options)
        if any(isinstance(one, torch.jit.ScriptModule) for one in model.modules()):
            raise ValueError(
                "model: the noise of scripted and traced modules cannot be followed. Pass the module itself."
            )
        self._model, self._switches, self._precision = model, Switches(model, noise), torch.float32
        self._prefix: Prefix | None = None  # of the block that is drawn
        self._fast: int | None = 0  # how many noises a pass in inference mode has; None where it cannot run there
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
        """A context without gradients. It is not inference mode, where operations do not come one by one."""
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
        # torch.manual_seed records the stack each time, which takes half the time of a small pass
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed_all(seed)

    @property
    def tolerance(self) -> float:
        return max(adapting.ALIKE, 4 * torch.finfo(self._precision).eps)

    def noises(self, given: Any, block: int, draw: int) -> list[adapting.Noise]:
        with Watch(self._model, self.request.seed_of(draw, block)) as noise:
            adapting.call(self._model, given)
        # this pass is not in inference mode, so what the model keeps from it can be trained with
        self._fast = None if self._fast is None else noise.calls
        return noise.noises

    def probs(self, given: Any, block: int, draw: int) -> adapting.Array:
        return self._on_device(given, block, draw).cpu().numpy()

    def _on_device(self, given: Any, block: int, draw: int) -> Tensor:
        found, taken = adapting.picked(self._returned(given, block, draw), self.output)
        if not isinstance(found, Tensor):
            raise TypeError(
                f"output: expected a tensor, got {type(found).__name__}. Name it, for example output='logits'."
            )
        if found.is_floating_point():
            self._precision = found.dtype
        found = found if found.dtype == torch.float64 else found.float()
        return self.arranged(found, adapting.row_count(given), taken)  # type: ignore[no-any-return]

    def _returned(self, given: Any, block: int, draw: int) -> Any:
        """Call the model for one draw. Plain draws run in inference mode where they can: a small network takes 1.9 ms, not 2.3.

        The first draw of a block does not, because tensors have no versions there. A model that takes gradients itself fails
        there. In recurrent layers the draws do not come one by one, which their count shows.
        """
        axes, rows, seed = self.axes_of(draw), adapting.row_count(given), self.request.seed_of(draw, block)
        if self._fast and axes is None and not (self._prefix and self._prefix.watches):
            try:
                with torch.inference_mode(), Draw(seed) as noise:
                    returned = adapting.call(self._model, given)
                if noise.calls == self._fast:
                    return returned
            except RuntimeError:
                self._fast = None
        with Draw(seed, rows, axes):
            return adapting.call(self._model, given)

    def stacks(self, given: Any, block: int, draws: range) -> Iterator[tuple[int, adapting.Array]]:
        """All draws. What comes before the first noise is computed once, and draws leave a device together."""
        prefix = self._prefix = Prefix(self.states) if len(draws) > 1 and not self._seeded else None
        within = partial(prefix.of, self._model) if prefix else nullcontext
        made = (self.predicted(given, block, draw, within, self._on_device) for draw in draws)
        apart, half = self.request.draw_axis is None, np.dtype(self.request.dtype) == np.float16
        return together(made, len(draws), apart=apart, half=half)


# --- data -------------------------------------------------------------------------------------------------------------


def _batches(data: Any, batch_size: int) -> Iterable[Any]:
    if isinstance(data, DataLoader):
        return _apart(data)
    return adapting.as_batches(data, batch_size, "an array, a dictionary of arrays, a Dataset, a DataLoader or blocks")


def _apart(loader: DataLoader[Any]) -> Iterator[Any]:
    """The blocks of a loader. Its draws from the global generator go on from block to block, and that generator stays as it was."""
    state, batches, found = torch.get_rng_state(), None, [None]
    while found:
        with torch.random.fork_rng([]):
            torch.set_rng_state(state)
            batches = iter(loader) if batches is None else batches
            found, state = [*islice(batches, 1)], torch.get_rng_state()
        yield from found

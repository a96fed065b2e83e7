"""The noise of a draw, the same for every row of every block.

All of PyTorch draws random numbers through operations that are marked as seeded. While a draw runs, these operations get numbers
from the draw's own generators, whichever function, layer or library calls them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from alcore.adapting import Noise, RowAxes, mix

ATEN = torch.ops.aten
_running = threading.local()


def current_draw() -> Draw | None:
    """The draw that runs in this thread, or None."""
    return getattr(_running, "draw", None)


class Draw(TorchDispatchMode):
    """The random numbers of one draw. The seed and the number of the call decide them. Rows share them along ``axes``."""

    def __init__(self, seed: int, rows: int = 0, axes: RowAxes | None = None) -> None:
        """``axes``: where rows share their noise. None where each row has its own."""
        super().__init__()
        self._seed, self._rows, self._axes = seed, rows, axes
        self.noises: list[Noise] = []
        self._following = True
        self._around: list[Draw | None] = []

    def __enter__(self) -> Draw:
        self._around.append(current_draw())  # it may be entered again inside itself
        _running.draw = self
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        _running.draw = self._around.pop()
        super().__exit__(*error)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        handler = _handler(func)
        if handler is None or not self._following:
            return func(*args, **(kwargs or {}))
        return handler(self, func, args, dict(kwargs or {}))

    @property
    def layer(self) -> str:
        """The name of the layer that asks for noise."""
        return ""

    @property
    def calls(self) -> int:
        """How many times noise was drawn."""
        return len(self.noises)

    def kept(self, place: int, weight: Tensor, rate: float) -> Tensor:
        """Which numbers of a weight are kept. This noise belongs to the network and to no row."""
        self.noises.append(Noise((), self.layer))
        generator = torch.Generator(weight.device).manual_seed(mix(self._seed, 0, place))
        self._following = False
        try:
            return torch.rand(weight.shape, generator=generator, device=weight.device) >= rate
        finally:
            self._following = True

    def noise(self, shape: Any, like: Tensor, fill: Callable[..., Any], *numbers: Any) -> Tensor:
        """A new filled tensor that broadcasts to ``shape``. It has ``shape`` where one axis holds rows and other entries."""
        shape, call = tuple(shape), self.calls
        self.noises.append(Noise(shape, self.layer))
        rows = self._axes.at(call, shape, self._rows, self.layer) if self._axes else None
        made = torch.empty(rows.of_one_row(shape) if rows else shape, dtype=like.dtype, device=like.device)
        fill(made, *numbers, generator=self._generator(call, like.device))
        index = rows.index(shape) if rows else None
        return made if index is None else made.index_select(rows.axis, torch.tensor(index, device=like.device))  # type: ignore

    def _generator(self, call: int, device: torch.device) -> torch.Generator:
        return torch.Generator(device).manual_seed(mix(self._seed, 1, call))

    # --- operations ---------------------------------------------------------------------------------------------------

    def fill(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        """``tensor.bernoulli_(p)``, ``normal_``, ``exponential_``, … Dropout and most other noise end here."""
        tensor, *numbers = args
        if self._axes is None:
            # PyTorch's own takes twice as long, two random words for each number. Its default, 0.5, is not passed on.
            if func is ATEN.bernoulli_.float:
                return tensor.copy_(self._uniform(tensor) < (*numbers, 0.5)[0])
            self.noises.append(Noise(tuple(tensor.shape), self.layer))
            return func(tensor, *numbers, generator=self._generator(self.calls - 1, tensor.device))  # type: ignore
        return tensor.copy_(self.noise(tensor.shape, tensor, func, *numbers))

    def new(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        """``torch.rand``, ``randn``, ``randint``, ``rand_like``, … An empty tensor is filled."""
        options = {
            key: kwargs[key] for key in ("dtype", "layout", "device", "pin_memory") if kwargs.get(key) is not None
        }
        name = func.overloadpacket.__name__
        if isinstance(args[0], Tensor):
            made = torch.empty_like(args[0], **options)
        else:
            default = {"dtype": torch.int64} if name == "randint" else {}
            made = torch.empty(next(arg for arg in args if isinstance(arg, list | tuple)), **{**default, **options})
        numbers = [arg for arg in args if isinstance(arg, int | float)]
        return made.copy_(self.noise(made.shape, made, FILLS[name], *numbers))

    def chance(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        """``torch.bernoulli`` and ``bernoulli_`` where a tensor holds the probabilities of 1."""
        tensor, in_place = args[0], func.overloadpacket.__name__.endswith("_")
        chance = args[1] if len(args) > 1 else kwargs.get("p", tensor)
        return (tensor if in_place else torch.empty_like(tensor)).copy_(self._uniform(tensor) < chance)

    def _uniform(self, like: Tensor) -> Tensor:
        return self.noise(like.shape, torch.empty((), device=like.device), ATEN.uniform_.default)

    def normal(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        """``torch.normal`` of a mean and a deviation, one of them a tensor."""
        mean, deviation = (*args, *(() if len(args) > 1 else (kwargs.get("std", 1.0),)))
        like = mean if isinstance(mean, Tensor) else deviation
        shape = torch.broadcast_shapes(*(one.shape for one in (mean, deviation) if isinstance(one, Tensor)))
        return mean + deviation * self.noise(shape, like, ATEN.normal_.default)

    def dropout(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Dropout on an accelerator and in inference mode. Plain draws have the bits that they have outside it."""
        x, rate, training = args
        if training is False or rate == 0:
            return func(x, 0.0, True)
        kept = (self._uniform(x) < 1 - rate).expand(x.shape)
        return x * (kept.to(x.dtype) / (1 - rate if rate < 1 else 1)), kept

    def rectify(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        """``F.rrelu``, which draws its slopes in training."""
        x, _, lower, upper, training, *_ = (*args, *(0.125, 1 / 3, False)[max(0, len(args) - 2) :])
        if not training:
            return func(*args, **kwargs)
        made = torch.where(x < 0, x * self.noise(x.shape, x, ATEN.uniform_.default, lower, upper), x)
        return x.copy_(made) if func.overloadpacket.__name__.endswith("_") else made

    def attention(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Attention. Fused kernels draw noise that cannot be followed, so where they would, the plain formula runs."""
        given = {**dict(zip((argument.name for argument in func._schema.arguments), args, strict=False)), **kwargs}
        if not (rate := given.get("dropout_p")):
            return func(*args, **kwargs)
        query, key, value = (given[name] for name in ("query", "key", "value"))
        groups = query.shape[-3] // key.shape[-3]
        key, value = (one.repeat_interleave(groups, -3) if groups > 1 else one for one in (key, value))
        scale = (given.get("scale") or query.shape[-1] ** -0.5) ** 0.5
        scores = (query * scale) @ (key.transpose(-2, -1) * scale)
        bias = given.get("attn_bias", given.get("attn_mask"))
        if given.get("is_causal"):
            bias = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if bias is not None:
            scores = scores.masked_fill(~bias, -torch.inf) if bias.dtype == torch.bool else scores + bias
        weights = scores.softmax(-1)
        kept = self.noise(weights.shape, weights, ATEN.bernoulli_.float, 1 - rate).div_(1 - rate)
        beside = (
            weights if str(one.type) == "Tensor" else 0 for one in func._schema.returns[1:]
        )  # CUDA's have lengths too
        return (weights * kept).to(value.dtype) @ value, *beside

    def composite(self, func: Any, args: Any, kwargs: Any) -> Any:
        """A composite function in inference mode. It is split into its operations, which then come one by one."""
        with self:
            return func.decompose(*args, **kwargs)

    def other(self, func: Any, args: Any, kwargs: Any) -> Any:
        """An operation whose numbers rows cannot share. They follow the seed and may belong to the network. It may draw none."""
        device = next(
            (arg.device for arg in args if isinstance(arg, Tensor)), torch.device(kwargs.get("device") or "cpu")
        )
        generator = self._generator(self.calls, device)
        if any(argument.name == "generator" for argument in func._schema.arguments):
            before = generator.get_state()
            made = func(*args, **{**kwargs, "generator": generator})
            drew = not torch.equal(before, generator.get_state())
        else:
            with torch.random.fork_rng([device] if device.type != "cpu" else [], device_type=device.type):
                torch.manual_seed(generator.initial_seed())
                before = _state(device)
                made = func(*args, **kwargs)
                drew = not torch.equal(before, _state(device))
        if drew:
            first = made[0] if isinstance(made, tuple | list) else made
            self.noises.append(Noise(tuple(first.shape), self.layer, func.overloadpacket.__name__))
            if self._axes:
                self._axes.at(self.calls - 1, tuple(first.shape), self._rows, self.layer)
        return made


def _state(device: torch.device) -> Tensor:
    return torch.get_rng_state() if device.type == "cpu" else getattr(torch, device.type).get_rng_state(device)


FILLS: dict[str, Any] = {
    **dict.fromkeys(("rand", "rand_like"), ATEN.uniform_.default),
    **dict.fromkeys(("randn", "randn_like", "normal"), ATEN.normal_.default),
}


def _random(tensor: Tensor, *numbers: int, generator: torch.Generator) -> Tensor:
    return tensor.random_(*numbers, generator=generator)


FILLS.update(dict.fromkeys(("randint", "randint_like"), _random))
IN_PLACE = ("bernoulli_", "normal_", "uniform_", "exponential_", "cauchy_", "log_normal_", "geometric_", "random_")
BY_NAME: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(IN_PLACE, Draw.fill),
    **dict.fromkeys(FILLS, Draw.new),
    "bernoulli": Draw.chance,
    "native_dropout": Draw.dropout,
    **dict.fromkeys(("rrelu_with_noise", "rrelu_with_noise_"), Draw.rectify),
}


@cache
def _handler(func: Any) -> Callable[..., Any] | None:
    """The method that replaces an operation, or None for an operation that draws nothing."""
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return None
    name = func.overloadpacket.__name__
    tensors = [argument for argument in func._schema.arguments if str(argument.type) == "Tensor"]
    if name in ("bernoulli_", "normal") and len(tensors) > (name == "bernoulli_"):
        return Draw.chance if name == "bernoulli_" else Draw.normal
    if name == "_fused_sdp_choice":  # asks which kernel would run
        return None
    if name.startswith("_scaled_dot_product"):
        return Draw.attention
    whole = torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")
    return BY_NAME.get(name, Draw.composite if whole else Draw.other)

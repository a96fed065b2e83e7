"""Dropout on and everything else in inference; and the noise of a draw, the same for every row of every block.

Noise is taken from functions, not layers: while a draw runs, whatever draws random numbers (``F.dropout`` and its kin, attention,
recurrent layers, ``torch.rand_like``, …) is given numbers from the draw's own generators, and the global one stays as it is.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the framework's own abbreviation
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from alcore.adapting import RowAxes, mix

ALPHA = -1.7580993408473766  # what SELU tends to: - lambda alpha (Klambauer et al. 2017, arXiv:1706.02515)
_running = threading.local()


@contextmanager
def stochastic(model: nn.Module) -> Iterator[nn.Module]:
    """Dropout of every kind on, normalisation and all else in inference; on leaving, every flag is what it was.

    On are dropout layers (plain, 1d, 2d, 3d, alpha, feature alpha, stochastic depth), the dropout arguments of attention and
    recurrent layers, and ``F.dropout`` inside a ``forward``. Statistics of normalisation layers are used, not updated.

    >>> import alcore_torch, torch
    >>> model = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5))
    >>> with alcore_torch.stochastic(model):
    ...     [module.training for module in model]
    [False, True]
    >>> model.training
    True
    """
    with flags(model), Draw(int(torch.randint(1 << 62, ()))):
        yield model


@contextmanager
def flags(model: nn.Module) -> Iterator[None]:
    before = [(module, module.training) for module in model.modules()]
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)  # fused encoder layers leave dropout out
        for module, _ in before:
            module.training = is_noisy(module)
        with torch.compiler.set_stance("force_eager"):  # compiled layers draw noise of their own
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, training in before:
            module.training = training


def is_noisy(module: nn.Module) -> bool:
    """Whether a layer itself drops something when it trains; what merely holds such layers does not."""
    name = type(module).__name__
    if name in ("StochasticDepth", "DropPath") or isinstance(module, nn.modules.dropout._DropoutNd):
        return True
    own = {**vars(module), **module._modules}  # transformers: a number, or the layer whose rate is used
    rates = [getattr(value, "p", value) for key, value in own.items() if "drop" in key]
    return "Attention" in name and any(isinstance(rate, float) and rate > 0 for rate in rates)


def current_draw() -> Draw | None:
    """The draw that runs in this thread."""
    return getattr(_running, "draw", None)


class Draw(TorchFunctionMode):
    """Random numbers of one draw: of a place, the number of the call that asks for them. Rows share them along ``axes``.

    While it runs, dropout functions are on whatever their flags say.
    """

    def __init__(self, seed: int, rows: int = 0, axes: RowAxes | None = None) -> None:
        """``axes``: where rows share their noise; None where each has its own."""
        super().__init__()
        self._seed, self._rows, self._axes = seed, rows, axes
        self.shapes: list[tuple[int, ...]] = []  # of each noise; () of a layer that makes its own

    def __enter__(self) -> Draw:
        self._before, _running.draw = current_draw(), self
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        _running.draw = self._before
        super().__exit__(*error)

    def seed_of(self, place: int) -> int:
        """For a layer that makes its own noise."""
        self.shapes.append(())
        return mix(self._seed, 0, place)

    def noise(self, shape: Any, like: Tensor, fill: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """A new tensor, filled, that broadcasts to ``shape``, or has it where rows are folded into another axis."""
        rows = self._axes.at(self.calls, tuple(shape), self._rows) if self._axes else None
        self.shapes.append(tuple(shape))
        generator = torch.Generator(like.device).manual_seed(mix(self._seed, 1, self.calls))
        one = rows.of_one_row(tuple(shape)) if rows else shape
        made = fill(torch.empty(one, dtype=like.dtype, device=like.device), *args, **kwargs, generator=generator)
        return made.repeat(rows.repeats(tuple(shape))) if rows and rows.folded > 1 else made

    @property
    def calls(self) -> int:
        """How often something drew noise."""
        return len(self.shapes)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        handler = HANDLERS.get(func)
        return func(*args, **(kwargs or {})) if handler is None else handler(self, func, *args, **(kwargs or {}))

    def kept(self, shape: tuple[int, ...], rate: float, like: Tensor, value: float = 1.0) -> Tensor:
        wide = like if like.dtype in (torch.float32, torch.float64) else like.float()
        return (self.noise(shape, wide, Tensor.uniform_) >= rate).to(like.dtype) * value

    def drop(self, x: Tensor, rate: float, shape: tuple[int, ...] | None = None) -> Tensor:
        if not 0 <= rate <= 1:
            raise ValueError(f"dropout: expected a probability, got {rate}.")
        if rate in (0, 1):
            return x if rate == 0 else torch.zeros_like(x)
        return x * self.kept(shape or x.shape, rate, x, 1 / (1 - rate))

    # --- functions: the flag ``training`` is not asked --------------------------------------------------------------------

    def dropout(self, func: Any, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        """Plain, of whole features, or keeping the mean and variance of what SELU makes of normal numbers."""
        shape = tuple(input.shape) if func in PLAIN else (*input.shape[:2], *[1] * (input.dim() - 2))
        if "alpha" not in func.__name__ or p in (0, 1):
            result = self.drop(input, p, shape)
        else:
            kept, scale = self.kept(shape, p, input), 1 / math.sqrt((ALPHA**2 * p + 1) * (1 - p))
            result = (input * kept + ALPHA * (1 - kept)) * scale - scale * ALPHA * p
        return input.copy_(result) if inplace else result

    def attention(
        self, func: Any, query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0, *rest: Any,
        **options: Any,
    ) -> Tensor:  # fmt: skip
        """Fused kernels draw noise of their own: they make the weights, as what they say of unit vectors, without it."""
        if dropout_p == 0:
            return func(query, key, value, attn_mask, dropout_p, *rest, **options)
        ones = torch.eye(key.shape[-2], dtype=key.dtype, device=key.device).expand(*key.shape[:-1], key.shape[-2])
        weights = func(query, key, ones, attn_mask, 0.0, *rest, **options)
        heads = query.shape[-3] // value.shape[-3] if options.get("enable_gqa") else 1
        return self.drop(weights, dropout_p) @ (value.repeat_interleave(heads, -3) if heads > 1 else value)

    def multi_head(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """It calls the functions above by the names they have in its module."""
        plain, fused = F.dropout, F.scaled_dot_product_attention
        try:
            F.dropout = lambda x, p=0.5, training=True, inplace=False: self.drop(x, p)
            F.scaled_dot_product_attention = lambda *args, **kwargs: self.attention(fused, *args, **kwargs)  # type: ignore
            return func(*args, **{**kwargs, "training": True})
        finally:
            F.dropout, F.scaled_dot_product_attention = plain, fused

    def recurrent(self, func: Any, *args: Any) -> Any:
        """Layer by layer, with dropout between them."""
        packed = not isinstance(args[3], bool)
        layers, rate = args[5:7] if packed else args[4:6]
        if rate == 0 or layers == 1:
            return func(*args)
        if packed:
            raise NotImplementedError(
                f"{func.__name__}: dropout of recurrent layers is not available for packed sequences, where rows are mixed. Pass "
                "padded sequences, or set dropout=0 and put nn.Dropout between layers."
            )
        x, hidden, weights, biases, _, _, _, both, batch_first = args
        several = isinstance(hidden, tuple | list)  # a state and a cell
        directions, size = 2 if both else 1, len(weights) // layers
        last: list[Any] = []
        for layer in range(layers):
            own = [state[layer * directions :][:directions] for state in (hidden if several else [hidden])]
            part = weights[layer * size :][:size]
            x, *final = func(x, own if several else own[0], part, biases, 1, 0.0, False, both, batch_first)
            last.append(final)
            x = self.drop(x, rate) if layer < layers - 1 else x
        return x, *(torch.cat(parts) for parts in zip(*last, strict=True))

    def fill(self, func: Any, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """``tensor.bernoulli_(p)``, ``normal_``, ``uniform_``."""
        if kwargs.pop("generator", None) is not None or any(isinstance(value, Tensor) for value in args):
            raise NotImplementedError(f"{func.__name__}: noise with a generator or tensors of its own is not followed.")
        return tensor.copy_(self.noise(tensor.shape, tensor, func, *args, **kwargs))

    def like(self, func: Any, input: Tensor, **kwargs: Any) -> Tensor:
        """``torch.rand_like``, ``torch.randn_like``: noise added to or multiplied with activations."""
        return self.fill(FILLS.get(func, Tensor.uniform_), torch.empty_like(input, **kwargs))

    def bernoulli(self, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """``torch.bernoulli``: the argument, or the tensor itself, is the probability of 1."""
        chance = args[0] if args else kwargs.get("p", input)
        return (self.like(torch.rand_like, input) < chance).to(input.dtype)


FILLS = {torch.randn_like: Tensor.normal_}
PLAIN = (F.dropout, torch.dropout, F.alpha_dropout, torch.alpha_dropout)
BY_FEATURE = (F.dropout1d, F.dropout2d, F.dropout3d, F.feature_alpha_dropout, torch.feature_dropout)
HANDLERS: dict[Any, Callable[..., Any]] = {
    **dict.fromkeys((*PLAIN, *BY_FEATURE, torch.feature_alpha_dropout), Draw.dropout),
    F.scaled_dot_product_attention: Draw.attention,
    F.multi_head_attention_forward: Draw.multi_head,
    **dict.fromkeys((torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu), Draw.recurrent),
    **dict.fromkeys((Tensor.bernoulli_, Tensor.normal_, Tensor.uniform_), Draw.fill),
    **dict.fromkeys((torch.rand_like, torch.randn_like), Draw.like),
    torch.bernoulli: Draw.bernoulli,
}

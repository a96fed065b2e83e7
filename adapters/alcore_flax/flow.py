"""What a traced program does: which inputs reach which operations, and which layer runs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import jax.extend.core as jex
import jax.numpy as jnp

DRAWS = ("random_bits", "random_gamma", "threefry2x32", "rng_bit_generator", "rng_uniform")
HOST = ("pure_callback", "io_callback")
PRODUCTS = ("dot_general", "conv_general_dilated")
_KEPT = {*DRAWS, *HOST, *PRODUCTS, "random_split", "gather"}
_MARK = re.compile(r"alcore<([^>]*)>")
Reached: TypeAlias = frozenset[Any]  # labels of the inputs that a value depends on


def kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what a function made from equal arguments. Arguments without a hash, such as a module with an array, are not kept."""
    cached = lru_cache(maxsize=32)(function)

    def call(*arguments: Any) -> Any:
        try:
            hash(arguments)
        except TypeError:
            return function(*arguments)
        return cached(*arguments)

    return call


def mark(layer: str) -> str:
    """The name of the scope in which a layer is traced."""
    return f"alcore<{layer}>"


@dataclass(frozen=True)
class Step:
    """An operation: the shape of its result, the layer that runs it, and the labels that reach each of its operands."""

    name: str
    shape: tuple[int, ...]
    layer: str
    reached: tuple[Reached, ...]


class Flow:
    """The steps of a program in order, each loop once; the labels that reach its results; ``eps`` of its coarsest numbers."""

    def __init__(self, program: Any, labels: Sequence[Reached]) -> None:
        self.steps: list[Step] = []
        self.eps = 0.0
        self.returned = self._walk(program, list(labels), "")

    def draws(self, label: str) -> list[Step]:
        """The steps that make random numbers or split keys, and that the input with this label reaches."""
        return [step for step in self.steps if step.name in (*DRAWS, "random_split") and label in step.reached[0]]

    def _walk(self, program: Any, given: list[Reached], layer: str) -> list[Reached]:
        reached: dict[Any, Reached] = dict(zip(program.invars, given, strict=True))

        def of(value: Any) -> Reached:
            return frozenset() if isinstance(value, jex.Literal) else reached.get(value, frozenset())

        for equation in program.eqns:
            operands = tuple(map(of, equation.invars))
            inner = list(jex.jaxprs_in_params(equation.params))
            for value in equation.outvars:
                if jnp.issubdtype(getattr(value.aval, "dtype", bool), jnp.floating):
                    self.eps = max(self.eps, float(jnp.finfo(value.aval.dtype).eps))
            if inner or equation.primitive.name in _KEPT:
                own = (_MARK.findall(str(equation.source_info.name_stack)) or [layer])[-1]
            if equation.primitive.name in _KEPT:
                shape = tuple(getattr(equation.outvars[0].aval, "shape", ())) if equation.outvars else ()
                self.steps.append(Step(equation.primitive.name, shape, own, operands))
            made = [frozenset[Any]().union(*operands)] * len(equation.outvars)
            if inner and equation.primitive.name != "while":
                made = self._inside(equation, inner, operands, own)
            elif inner:
                for one in inner:
                    self._walk(one, made[:1] * len(one.invars), own)
            reached.update(zip(equation.outvars, made, strict=True))
        return [of(value) for value in program.outvars]

    def _inside(self, equation: Any, inner: list[Any], operands: tuple[Reached, ...], layer: str) -> list[Reached]:
        """The labels that reach the results of an operation that runs programs: a call, a branch, a loop."""
        chosen = operands[0] if equation.primitive.name == "cond" else frozenset[Any]()  # by which branch is taken
        everything = frozenset[Any]().union(*operands)
        made = [chosen] * len(equation.outvars)
        for program in inner:
            given = list(operands[1:] if equation.primitive.name == "cond" else operands)
            if len(given) != len(program.invars):
                given = [everything] * len(program.invars)
            found = self._settled(equation, program, given, layer)
            if len(found) != len(made):
                found = [everything] * len(made)
            made = [before | one for before, one in zip(made, found, strict=True)]
        return made

    def _settled(self, equation: Any, program: Any, given: list[Reached], layer: str) -> list[Reached]:
        """The same for a loop. It is walked until the values that it carries get no new labels."""
        first, carried = equation.params.get("num_consts", 0), equation.params.get("num_carry", 0)
        while True:
            steps = len(self.steps)
            made = self._walk(program, given, layer)
            before = list(given)
            for place in range(carried):
                given[first + place] |= made[place]
            if given == before:
                return made
            del self.steps[steps:]

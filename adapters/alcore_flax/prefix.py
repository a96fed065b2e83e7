"""What a network computes before its first noise is the same in every draw. A program of one draw is split there.

XLA compiles one draw at a time, so it cannot see what the draws share. The traced program shows it: the operations that the key
does not reach. They run once for a block, and each draw runs the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.extend.core as jex

from alcore_flax.flow import PRODUCTS

KEPT = 1 << 26  # bytes to keep for the draws of a block; above it, each draw runs the whole program
# Operations that cost less than to read their result from memory: the compiler makes them part of what reads them.
FREE = ("broadcast_in_dim", "convert_element_type", "expand_dims", "iota", "reshape", "squeeze")
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "checkpoint": "jaxpr",
    "closed_call": "call_jaxpr",
}  # where the program called is


def split(traced: Any, key: int) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """Two functions from a traced program with one result. The first takes the inputs without the key, and gives what draws share.
    The second takes that and all inputs, and gives the result.

    None where a split would save nothing, or would keep too much: where no product comes before the first noise, where there is no
    noise, and where the program has effects.

    Args:
        traced: the program.
        key: the place of the input that differs between draws.
    """
    if traced.effects:
        return None
    inputs = [jax.ShapeDtypeStruct(one.aval.shape, one.aval.dtype) for one in traced.jaxpr.invars]
    flat = jax.make_jaxpr(lambda *given: _inlined(traced.jaxpr, traced.consts, given))(*inputs)
    program, consts = flat.jaxpr, flat.consts
    late = {program.invars[key]}
    for equation in program.eqns:
        if late.intersection(_read(equation)):
            late.update(equation.outvars)
    early = {made: equation for equation in program.eqns for made in equation.outvars if made not in late}
    after = [equation for equation in program.eqns if late.intersection(equation.outvars)]
    wanted = [*program.outvars, *(one for equation in after for one in _read(equation))]
    kept, again = _kept(wanted, early)
    saved = _reached(kept, early)
    size = sum(one.aval.size * one.aval.dtype.itemsize for one in kept)
    if len(late) == 1 or size > KEPT or not any(map(_multiplies, saved)):
        return None
    of = [{*map(id, saved)}, {*map(id, after), *again}]
    first, rest = ([equation for equation in program.eqns if id(equation) in part] for part in of)

    fixed, others = dict(zip(program.constvars, consts, strict=True)), [*program.invars]
    del others[key]

    def shared(*given: Any) -> list[Any]:
        return _run(first, {**fixed, **dict(zip(others, given, strict=True))}, kept)

    def drawn(made: list[Any], *given: Any) -> Any:
        inputs, before = zip(program.invars, given, strict=True), zip(kept, made, strict=True)
        return _run(rest, {**fixed, **dict(inputs), **dict(before)}, program.outvars)[0]

    return shared, drawn


def _kept(wanted: list[Any], early: dict[Any, Any]) -> tuple[list[Any], set[int]]:
    """Of the values that the rest reads: those to keep, and the operations to run again, which are free."""
    kept, again = dict[Any, None](), set[int]()
    while wanted:
        value = wanted.pop()
        if isinstance(value, jex.Literal) or value not in early:
            continue
        if early[value].primitive.name in FREE:
            again.add(id(early[value]))
            wanted += _read(early[value])
        else:
            kept[value] = None
    return list(kept), again


def _reached(values: Iterable[Any], early: dict[Any, Any]) -> list[Any]:
    """The operations that make these values."""
    found, left = dict[int, Any](), list(values)
    while left:
        equation = early.get(left.pop())
        if equation is not None and id(equation) not in found:
            found[id(equation)] = equation
            left += _read(equation)
    return list(found.values())


def _read(equation: Any) -> list[Any]:
    return [one for one in equation.invars if not isinstance(one, jex.Literal)]


def _multiplies(equation: Any) -> bool:
    inner = jex.jaxprs_in_params(equation.params)
    return equation.primitive.name in PRODUCTS or any(_multiplies(one) for program in inner for one in program.eqns)


def _inlined(program: Any, consts: Any, given: Any) -> list[Any]:
    """Run a program, and the programs that it calls as part of it."""
    values = {**dict(zip(program.constvars, consts, strict=True)), **dict(zip(program.invars, given, strict=True))}
    return _run(program.eqns, values, program.outvars)


def _run(equations: Iterable[Any], values: dict[Any, Any], wanted: Iterable[Any]) -> list[Any]:
    def of(value: Any) -> Any:
        return value.val if isinstance(value, jex.Literal) else values[value]

    for equation in equations:
        given, called = list(map(of, equation.invars)), CALLS.get(equation.primitive.name)
        if called:
            inner = equation.params[called]
            made = _inlined(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), given)
        else:
            how = equation.primitive.get_bind_params(equation.params)
            functions, options = how if isinstance(how, tuple) else ((), how)  # older JAX gives both
            with equation.ctx.manager:
                made = equation.primitive.bind(*functions, *given, **options)
            made = made if equation.primitive.multiple_results else [made]
        values.update(zip(equation.outvars, made, strict=True))
    return list(map(of, wanted))

"""``kernel``: how every function of this folder is compiled."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

# Sums may be reordered, which is what lets the compiler use vector registers. NaN and infinity keep
# their meaning: the check for them stands inside the loops.
SUMS = frozenset({"reassoc", "contract", "nsz"})
# Formulas keep their order of operations; only a*b + c may become one fused instruction.
FORMULA = frozenset({"contract"})


def _started() -> Any:
    """numba, with all that its first call imports, loaded while Python's garbage collector is off.

    The objects of 400 modules stay, and the collector would look through them again and again: 0.1 s of the first score's 0.65.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        import numba
        from numba.core.registry import cpu_target

        cpu_target.target_context.refresh()  # numba's own first step before it compiles, or takes from its cache
    finally:
        if not gc.get_freeze_count():
            gc.freeze()  # what is new counts as old, and is not looked through now either
            gc.unfreeze()
        if enabled:
            gc.enable()
    return numba


numba = _started()


def kernel(fastmath: frozenset[str] = SUMS) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile to machine code that releases the GIL; keep it on disk where there is a place to write."""

    def compile_lazily(function: Callable[P, R]) -> Callable[P, R]:
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath)}
        # A kernel that another one calls is part of it. As a function of its own it was there twice, optimised once and twice, with
        # sums in another order: the process that compiled called the one, later processes the other, and BALD differed by 6e-8.
        options["forceinline"] = True
        try:
            compiled = _with_files_of_its_own(numba.njit(cache=True, **options)(function))
        except RuntimeError:  # numba finds no folder it may write its cache to (read-only installation)
            compiled = numba.njit(**options)(function)
        return cast(Callable[P, R], compiled)

    return compile_lazily


def _with_files_of_its_own(compiled: Any) -> Any:
    """The same, whose compiled versions get names that no other process gives.

    numba numbers the files of a kernel. Two processes that compile it for different types at one moment both take the next number,
    and the list of one then names the file of the other. All later processes end in "can't unbox array": 12 of 50 times where six
    processes began at once, and 0 of 50 with names that are drawn.
    """
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    pattern = str(getattr(file, "_data_name_pattern", ""))
    if pattern.endswith(".{number:d}.nbc"):
        own = pattern.removesuffix("{number:d}.nbc")
        file._data_name = lambda _: f"{own}{np.random.SeedSequence().entropy:x}.nbc"  # type: ignore[union-attr]
    return compiled

"""The public names, and where the reference has them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = (
    "alcore",
    "alcore.adapting",
    "alcore.bench",
    "alcore.plot",
    "alcore.stopping",
    "alcore_torch",
    "alcore_keras",
    "alcore_flax",
    "alcore_sklearn",
)

# What pages call on a ledger of this name.
LEDGER = ("ask", "export", "import_file", "labelled", "open", "pool", "set_aside", "tell", "tell_file", "withdraw")


@cache
def public() -> dict[str, str]:
    """What a page may write -> the entry in the reference. Names of alcore and of `alcore.stopping` may stand without it."""
    found: dict[str, str] = {}
    for module in MODULES:
        for name in _all(module):
            found[f"{module}.{name}"] = f"{module}.{name}"
            if module == "alcore":
                found.setdefault(name, f"{module}.{name}")
    for name in LEDGER:
        found[f"ledger.{name}"] = f"alcore.Ledger.{name}"
    return found


def entry(name: str) -> str | None:
    """The entry of a name, or of what it belongs to: that of the class for `alcore.Batch.indices`."""
    while name not in public():
        name, dot, _ = name.rpartition(".")
        if not dot or name in MODULES:
            return None
    return public()[name]


def _all(module: str) -> tuple[str, ...]:
    """``__all__`` as written: an adapter cannot be imported without its framework, and its names are there all the same."""
    folder = ROOT if module.startswith("alcore.") or module == "alcore" else ROOT / "adapters"
    for node in ast.parse((folder / module.replace(".", "/") / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return tuple(ast.literal_eval(node.value))
    raise LookupError(f"{module} has no __all__")

"""Run every table (bench_*.py in the folders of this one) and write benchmarks/README.md whole.

    python benchmarks/run.py            # all tables, written
    python benchmarks/run.py startup    # bench_startup.py alone, printed
    python benchmarks/run.py startup --write    # and put in the place of its tables, which then say so

The peers' BatchBALD takes most of the time. With ALCORE_BENCH_QUICK=1 it is left out, the tables of outputs, log_det and reductions
are small, and nothing is written.

The peers live in an environment of their own, `.venv-peers`, made here where it is missing (peers.txt pins it). The
environment variable ALCORE_PEERS_PYTHON names the interpreter of another one, PYTHON the one that makes it.
"""

from __future__ import annotations

import datetime
import importlib
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from harness import QUICK, OtherWork, Peer, Table, cpu_model, largest_cache, memory_gib

import alcore

HERE = Path(__file__).parent
PAGE = HERE / "README.md"
WRITE = "--write"  # tables that are named are only shown without it
PEERS_VENV = HERE.parent / ".venv-peers"
PEERS_PINS = HERE / "peers.txt"
TORCH = "torch==2.13.0"
BAAL = "baal==2.1.0"
BAAL_NEEDS = ["numpy", "scipy", "structlog", "tqdm", "matplotlib", "Pillow", "scikit-learn", "torchmetrics"]
REDUX = "batchbald-redux==2.0.5"
REDUX_NEEDS = ["toma", "tqdm"]


def main() -> None:
    named = [name for name in sys.argv[1:] if name != WRITE]
    scripts = {path.stem.removeprefix("bench_"): path.relative_to(HERE) for path in sorted(HERE.rglob("bench_*.py"))}
    if unknown := [name for name in named if name not in scripts]:
        raise SystemExit(f"expected some of {', '.join(scripts)}, got {', '.join(unknown)}")
    chosen = [scripts[name] for name in named or sorted(scripts)]
    python = peers_python()
    start, others = time.perf_counter(), OtherWork()
    with Peer(python) as peer:
        peer_versions = peer.ask(versions=["baal", "batchbald-redux", "torch", "numpy"])
        found = [table for script in chosen for table in run_tables(script, peer)]
    if QUICK or (named and WRITE not in sys.argv):
        return
    if named:
        page = measured_anew(PAGE.read_text("utf-8"), found, others.cores())
    else:
        page = render(found, machine(peer_versions, time.perf_counter() - start, others.cores()))
    PAGE.write_text(page, encoding="utf-8")


def run_tables(script: Path, peer: Peer) -> list[Table]:
    tables = []
    for table in importlib.import_module(".".join(script.with_suffix("").parts)).tables(peer):
        print(table.render(), flush=True)
        tables.append(table)
    return tables


# --- the peers' environment -------------------------------------------------------------------------------------------


def peers_python() -> str:
    """The interpreter of the peers' environment, which is made where it is missing."""
    python = os.environ.get("ALCORE_PEERS_PYTHON")
    if python:
        return python
    python = str(PEERS_VENV / "bin" / "python")
    done = PEERS_VENV / "done.stamp"
    if not done.exists() or done.stat().st_mtime < PEERS_PINS.stat().st_mtime:
        subprocess.run([os.environ.get("PYTHON") or sys.executable, "-m", "venv", str(PEERS_VENV)], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        install += ["--constraint", str(PEERS_PINS)]
        subprocess.run([*install, TORCH], check=True)
        subprocess.run([*install, *BAAL_NEEDS, *REDUX_NEEDS], check=True)
        subprocess.run([*install, "--no-deps", BAAL, REDUX], check=True)
        done.touch()
    return python


# --- the page ---------------------------------------------------------------------------------------------------------


def measured_anew(page: str, found: list[Table], others: float) -> str:
    """The page with some of its tables measured again, on the same machine, as they then say."""
    head, *sections = page.split("\n## ")
    facts = head[head.index("| | |") : head.index("\nOf ")]
    if cpu_model() not in facts:
        raise SystemExit(f"{PAGE}: was measured on another processor than {cpu_model()}. Run all of it: make bench.")
    note = f" Measured anew on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, beside {others:.2f} cores of other work."
    tables = {table.title: table for table in map(Table.parse, sections)}
    tables |= {table.title: replace(table, text=table.text + note) for table in found}
    return render(list(tables.values()), facts)


def render(tables: list[Table], facts: str) -> str:
    reached = sum(table.reached() for table in tables)
    missed = [name for table in tables for name in table.missed()]
    summary = f"Of {reached + len(missed)} rows with a target, {reached} reached it."
    if missed:
        summary += " Missed:\n\n" + "\n".join(f"- {name}" for name in missed)
    head = (
        "<!-- Generated by benchmarks/run.py: do not edit. -->\n\n# Benchmarks\n\n"
        "Generated by `make bench` (`python benchmarks/run.py`), both sides of every comparison in one run on one "
        f"machine.\n\n{facts}\n{summary}\n\n"
    )
    return head + "\n".join(table.render() for table in tables)


def machine(peer_versions: dict[str, str], seconds: float, others: float) -> str:
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "numba", "llvmlite"))
    peers = ", ".join(f"{name} {version}" for name, version in peer_versions.items())
    facts = {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {seconds / 60:.1f} minutes",
        "processor": f"{cpu_model()}, {len(os.sched_getaffinity(0))} cores used, largest cache {largest_cache()}",
        "other work meanwhile": f"{others:.2f} cores on average",
        "memory": f"{memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "alcore": f"{alcore.__version__} with {packages}, {alcore.get_threads()} threads",
        "peers": peers,
    }
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {fact} |\n" for name, fact in facts.items())


if __name__ == "__main__":
    main()

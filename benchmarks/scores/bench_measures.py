"""Row-wise measures: speed against Baal and against reading the array, what the check costs, and the errors."""

from __future__ import annotations

import ast
import importlib.util
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import mpmath
import numba
import numpy as np
from harness import RUNS, OtherWork, Peer, Table, alternate, clock, random_probs, range_text, shape_text, turns, yes_no

import alcore
from alcore.door import tolerance
from alcore.kernels import distributions
from alcore.kernels import measures as kernels
from alcore.scores.measures import ACCURATE_BELOW

SAMPLE = Path(__file__).parents[1] / "sample_predictions.npz"
LARGE = (50_000, 10, 100)
SPEEDS = [(LARGE, 25), ((5_000, 1_000, 10), 15), ((200_000, 2, 50), 15), ((50_000, 10, 20), 15)]
MEASURES = ["entropy", "expected_entropy", "bald", "margin", "least_confidence", "variation_ratio"]
MEASURES += ["vote_entropy", "mean_std", "pairwise_kl"]


def tables(peer: Peer) -> Iterator[Table]:
    yield from speed_tables(peer)
    yield measures_table()
    yield refusal_table()
    yield check_table()
    yield accurate_table()
    yield error_table32()
    yield error_table64()


def sample_pool() -> np.ndarray:
    with np.load(SAMPLE, allow_pickle=False) as file:
        return np.asarray(file["pool"])


# --- speed ------------------------------------------------------------------------------------------------------------


@numba.njit(nogil=True, fastmath=True)
def _sum(values: np.ndarray) -> np.float32:
    total = np.float32(0)
    for i in range(values.size):
        total += values[i]
    return total


def reader(array: np.ndarray) -> Callable[[], object]:
    """Reads the array once on all threads and does nothing but add it up."""
    threads = alcore.get_threads()
    pool = ThreadPoolExecutor(threads)
    parts = np.array_split(array.reshape(-1), threads)
    return lambda: list(pool.map(_sum, parts))


def speed_tables(peer: Peer) -> list[Table]:
    threads = alcore.get_threads()
    against_baal = (
        "float32, random predictions (Dirichlet(1)). Both sides score the same saved array, and reading adds it up, in turn "
        f"A B C A B C; medians of {RUNS}. alcore holds all its checks and is on {threads} threads unless it says one; Baal on one. "
        "Other work on the machine takes a core from alcore and reading, not from Baal."
    )
    against_reading = (
        f"From the same turns. Reading is a sum over the array on {threads} threads; what it reaches is the read bandwidth. "
        "GB/s are of the array as it lies in memory; arrays near the size of the cache are read from it in part."
    )
    columns = ["(N, C, T)", "alcore ms", "fastest – slowest", "one thread ms", "Baal ms", "fastest – slowest", "ratio"]
    columns += ["target", "reached", "largest difference of scores", "other work meanwhile"]
    columns2 = ["(N, C, T)", "MB", "alcore GB/s", "one thread GB/s", "reading GB/s", "alcore's share of reading"]
    rows, rows2 = zip(*(speed_rows(peer, *speed) for speed in SPEEDS), strict=True)
    return [
        Table("BALD against Baal", against_baal, columns, list(rows)),
        Table("BALD against reading the array", against_reading, [*columns2, "target", "reached"], list(rows2)),
    ]


def speed_rows(peer: Peer, shape: tuple[int, ...], target: int) -> tuple[list[str], list[str]]:
    probs = random_probs(shape)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "probs.npy"), probs)
        peer.ask(load=str(Path(folder, "probs.npy")))
        others = OtherWork(peer.pid)
        seconds = turns(
            {
                "alcore": clock(lambda: alcore.bald(probs)),
                "Baal": lambda: float(peer.ask(time="bald")["seconds"]),
                "reading": clock(reader(probs)),
            }
        )
        other_cores = others.cores()
        peer.ask(save=str(Path(folder, "scores.npy")))
        difference = np.abs(alcore.bald(probs) - np.load(Path(folder, "scores.npy"), allow_pickle=False)).max()
    alcore.set_threads(1)
    one_thread = alternate({"alcore": clock(lambda: alcore.bald(probs))})["alcore"]
    alcore.set_threads(None)
    ours, baal, reading = (statistics.median(seconds[side]) for side in ("alcore", "Baal", "reading"))
    row = [shape_text(shape), f"{ours * 1e3:.1f}", range_text(seconds["alcore"]), f"{one_thread * 1e3:.1f}"]
    row += [f"{baal * 1e3:.1f}", range_text(seconds["Baal"]), f"{baal / ours:.1f}", f"≥ {target}"]
    row += [yes_no(baal / ours >= target), f"{difference:.0e}", f"{other_cores:.2f} cores"]
    speeds = [f"{probs.nbytes / 1e9 / s:.1f}" for s in (ours, one_thread, reading)]
    reached = ["≥ 35%", yes_no(reading / ours >= 0.35)] if shape == LARGE else ["", ""]
    return row, [shape_text(shape), f"{probs.nbytes / 1e6:.0f}", *speeds, f"{reading / ours:.0%}", *reached]


def measures_table() -> Table:
    text = f"Random predictions {shape_text(LARGE)}, medians. GB/s are of the input as it lies in memory."
    probs = random_probs(LARGE)
    rows = [measure_row(name, probs) for name in MEASURES]
    rows.append(measure_row("bald", np.log(np.maximum(probs, 1e-30)), kind="logits"))
    rows.append(measure_row("bald", probs.astype(np.float16)))
    rows.append(measure_row("bald", probs.astype(np.float64)))
    return Table("Every row-wise measure", text, ["measure", "input", "ms", "GB/s"], rows)


def measure_row(name: str, array: np.ndarray, kind: str = "probs") -> list[str]:
    measure = getattr(alcore, name)
    seconds = alternate({name: clock(lambda: measure(array, kind=kind))}, runs=5)[name]
    kind_text = " logits" if kind == "logits" else ""
    return [f"`{name}`", f"{array.dtype}{kind_text}", f"{seconds * 1e3:.1f}", f"{array.nbytes / 1e9 / seconds:.1f}"]


# --- the check --------------------------------------------------------------------------------------------------------


def refusal_table() -> Table:
    shape, row = (1_000_000, 10, 10), 777_777
    text = (
        f"`alcore.bald` of float32 {shape_text(shape)}, once valid and once with one bad number in row {row}, in turn; medians. "
        "The refusal comes when the blocks before it are scored, and is explained from that row alone."
    )
    columns = ["the bad row holds", "ms to the refusal", "ms to score the valid array", "ratio", "names the row"]
    columns += ["target", "reached"]
    probs = random_probs(shape)
    largest = int(probs[row, :, 3].argmax())
    cases = [
        ("NaN", 4, np.nan),
        ("a negative number", 4, -probs[row, 4, 3]),
        ("a draw that sums to 0.99", largest, probs[row, largest, 3] - 0.01),
    ]
    rows = [refusal_row(what, probs, (row, c, 3), bad) for what, c, bad in cases]
    return Table("One bad row in a million", text, columns, rows)


def refusal_row(what: str, probs: np.ndarray, place: tuple[int, int, int], bad: float) -> list[str]:
    good, messages = probs[place], []

    def refused() -> None:
        try:
            alcore.bald(probs)
        except ValueError as error:
            messages.append(str(error))
        else:
            messages.append("not refused")

    def timed_refusal() -> float:
        probs[place] = bad
        seconds = clock(refused)()
        probs[place] = good
        return seconds

    seconds = alternate({"refusal": timed_refusal, "score": clock(lambda: alcore.bald(probs))})
    ratio = seconds["refusal"] / seconds["score"]
    named = all(f"probs[{place[0]}, " in message for message in messages)
    times = [f"{seconds[side] * 1e3:.1f}" for side in ("refusal", "score")]
    return [what, *times, f"{ratio:.2f}", "yes" if named else "no", "≤ 1.15", yes_no(named and ratio <= 1.15)]


class _Unchecked(ast.NodeTransformer):
    """Takes the check out of the kernels' source: the sums over classes, the signs and what is concluded from them."""

    CHECKS = frozenset({"means32", "is_distribution"})
    NAMES = frozenset({"sums_t", "negative"})
    inside = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.inside = node.name in self.CHECKS
        self.generic_visit(node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
        if self.inside and ast.unparse(node.targets[0]) == "valid_r[r]":
            node.value = ast.Constant(True)
        return self._keep(node, node.targets[0])

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt | None:
        return self._keep(node, node.target)

    def visit_For(self, node: ast.For) -> ast.For | None:
        self.generic_visit(node)
        return node if node.body else None

    def visit_Return(self, node: ast.Return) -> ast.Return:
        return ast.Return(ast.Constant(True)) if self.inside else node

    def _keep(self, node: ast.stmt, target: ast.expr) -> ast.stmt | None:
        name = target.value if isinstance(target, ast.Subscript) else target
        return None if self.inside and isinstance(name, ast.Name) and name.id in self.NAMES else node


def unchecked_kernels(folder: str) -> ModuleType:
    """The modules distributions and measures of alcore.kernels as one, without its check, in ``folder`` (numba wants a file)."""
    trees = [
        _Unchecked().visit(ast.parse(Path(one.__file__ or "").read_text(encoding="utf-8")))
        for one in (distributions, kernels)
    ]
    imported = f"from {distributions.__name__} import "
    lines = [line for tree in trees for line in ast.unparse(ast.fix_missing_locations(tree)).splitlines()]
    kept = [line for line in lines if not line.startswith((imported, "from __future__"))]
    path = Path(folder, "unchecked_measures.py")
    path.write_text("\n".join(kept), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def check_table() -> Table:
    shape64 = (LARGE[0] // 2, *LARGE[1:])
    text = (
        "The kernels as they are against the same source with the check taken out (no sums over classes, no signs, nothing "
        "refused), in turn, on one thread, random predictions; medians of 15. The cost is what the check adds."
    )
    columns = ["kernel", "(N, C, T)", "with ms", "without ms", "cost", "target", "reached"]
    with tempfile.TemporaryDirectory() as folder:
        unchecked = unchecked_kernels(folder)
        rows = [
            check_row(unchecked, "bald32", random_probs(LARGE)),
            check_row(unchecked, "bald", random_probs(shape64, dtype=np.float64), np.full(LARGE[2], 1 / LARGE[2])),
        ]
        del sys.modules[unchecked.__name__]
    return Table("What the check costs", text, columns, rows)


def check_row(unchecked: ModuleType, name: str, probs: np.ndarray, *weights: np.ndarray) -> list[str]:
    scores, unchecked_scores = np.empty((2, len(probs)))
    valid, all_true = np.empty((2, len(probs)), np.bool_)
    probs[0] = -probs[0]
    probs.flags.writeable = False
    arguments = probs, *weights, ACCURATE_BELOW, tolerance(probs.shape[1])

    def with_check() -> None:
        getattr(kernels, name)(*arguments, scores, valid)

    def without_check() -> None:
        getattr(unchecked, name)(*arguments, unchecked_scores, all_true)

    seconds = alternate({"with": clock(with_check), "without": clock(without_check)}, runs=15)
    assert list(np.flatnonzero(~valid)) == [0]
    assert all_true.all(), "the check was not taken out: the kernels' source has changed"
    assert np.abs(scores[1:] - unchecked_scores[1:]).max() < 1e-6
    cost = seconds["with"] / seconds["without"] - 1
    times = [f"{seconds[side] * 1e3:.1f}" for side in ("with", "without")]
    return [f"`{name}` {probs.dtype}", shape_text(probs.shape), *times, f"{cost:+.0%}", "≤ 15%", yes_no(cost <= 0.15)]


# --- errors -----------------------------------------------------------------------------------------------------------


def accurate_table() -> Table:
    text = (
        f"The kernel `bald32` computes rows under {ACCURATE_BELOW:g} nats again in the relatively accurate form. Its time with "
        "that and without, in turn, on one thread; medians of 51. The target is for the sample predictions; the other pool is "
        "near the worst case."
    )
    tiny = next(probs for name, probs in pools(8_000, np.float32).items() if name.startswith("tiny"))
    columns = ["pool", "(N, C, T)", "with ms", "without ms", "cost", f"rows under {ACCURATE_BELOW:g}"]
    rows = [accurate_row("sample predictions", sample_pool().astype(np.float32), 0.15)]
    rows.append(accurate_row("tiny disagreement, as below", tiny, None))
    return Table("What the accurate form costs", text, [*columns, "target", "reached"], rows)


def accurate_row(name: str, probs: np.ndarray, target: float | None) -> list[str]:
    probs.flags.writeable = False
    scores, valid = np.empty(len(probs)), np.empty(len(probs), np.bool_)

    def score(accurate_below: float) -> Callable[[], float]:
        return clock(lambda: kernels.bald32(probs, accurate_below, tolerance(probs.shape[1]), scores, valid))

    seconds = alternate({"without": score(0.0), "with": score(ACCURATE_BELOW)}, runs=51)
    cost = seconds["with"] / seconds["without"] - 1
    times = [f"{seconds[side] * 1e3:.3f}" for side in ("with", "without")]
    share = f"{(scores < ACCURATE_BELOW).mean():.1%}"
    reached = ["", ""] if target is None else [f"≤ {target:.0%}", yes_no(cost <= target)]
    return [name, shape_text(probs.shape), *times, f"{cost:+.1%}", share, *reached]


def pools(rows: int, dtype: type) -> dict[str, np.ndarray]:
    """Random predictions that disagree much, sharply, hardly and not at all, and the sample's."""
    rng = np.random.default_rng(1)
    peaked = rng.standard_gamma(0.05, (rows, 10, 20))
    logits = rng.normal(0, 2, (rows, 10, 1))
    noise = np.logspace(-6, -1, rows)[:, None, None] * rng.normal(size=(rows, 10, 20))
    hardly = np.exp(logits + noise)
    alike = np.repeat(random_probs((rows, 10, 1), 4, np.float64), 20, axis=2)
    made = {
        "large disagreement, Dirichlet(1)": random_probs((rows // 2, 10, 100), 2, np.float64),
        "large disagreement, many classes": random_probs((max(2, rows // 50), 1_000, 10), 3, np.float64),
        "sharp disagreement, Dirichlet(0.05)": peaked / peaked.sum(axis=1, keepdims=True),
        "tiny disagreement, softmax(base + ε noise), ε = 1e-6 … 1e-1": hardly / hardly.sum(axis=1, keepdims=True),
        "sample predictions": sample_pool()[: rows // 8],
        "identical draws": alike,
    }
    return {name: probs.astype(dtype) for name, probs in made.items()}


def extended_bald(probs: np.ndarray) -> np.ndarray:
    """H[mean] - mean H in the machine's longest floating point."""
    parts = np.array_split(probs, max(1, probs.size // 1_000_000))
    return np.concatenate([_extended_bald(part.astype(np.longdouble)) for part in parts])


def _extended_bald(probs: np.ndarray) -> np.ndarray:
    mean = probs.mean(axis=-1)
    return _xlogx(probs).mean(axis=-1).sum(axis=1) - _xlogx(mean).sum(axis=1)


def _xlogx(x: np.ndarray) -> np.ndarray:
    return x * np.log(x, out=np.zeros_like(x), where=x > 0)


def exact_bald(probs: np.ndarray) -> np.ndarray:
    """H[mean] - mean H at 50 digits."""
    with mpmath.workdps(50):
        return np.array([float(_exact_row(row)) for row in probs.tolist()])


def _exact_row(row: list[list[float]]) -> mpmath.mpf:
    total = mpmath.mpf(0)
    for of_class in row:
        draws = [mpmath.mpf(p) for p in of_class]
        mean = mpmath.fsum(draws) / len(draws)
        total += mpmath.fsum(p * mpmath.log(p) for p in draws if p) / len(draws)
        total -= mean * mpmath.log(mean) if mean else 0
    return total


def error_table32() -> Table:
    digits = np.finfo(np.longdouble).precision
    text = (
        f"`alcore.bald` of float32 input against its definition, on the same numbers, at {digits} digits (50 for the subset). "
        "Identical draws score exactly 0: their error is the score."
    )
    rows = []
    for name, probs in pools(8_000, np.float32).items():
        rows.append(error_row(name, probs, extended_bald(probs), 1e-4, 1e-3, 1e-7))
        if name.startswith("tiny"):
            subset = probs[::20]
            rows.append(
                error_row("tiny disagreement, a subset at 50 digits", subset, exact_bald(subset), 1e-4, 1e-3, 1e-7)
            )
    targets = "relative ≤ 1e-3, absolute ≤ 1e-7, score ≥ 0"
    return Table(
        "Errors of BALD, float32", text, error_columns("1e-4"), [[*row[:-1], targets, row[-1]] for row in rows]
    )


def error_table64() -> Table:
    text = "`alcore.bald` of float64 input against its definition at 50 digits, on the same numbers."
    named = pools(400, np.float64).items()
    rows = [error_row(name, probs, exact_bald(probs), 1e-6, 1e-12, np.inf) for name, probs in named]
    targets = "relative ≤ 1e-12, score ≥ 0"
    return Table(
        "Errors of BALD, float64", text, error_columns("1e-6"), [[*row[:-1], targets, row[-1]] for row in rows]
    )


def error_columns(threshold: str) -> list[str]:
    columns = ["pool", "(N, C, T)", f"rows ≥ {threshold}", f"max relative error where ≥ {threshold}"]
    return [*columns, "max absolute error below", "min score", "target", "reached"]


def error_row(
    name: str, probs: np.ndarray, true: np.ndarray, threshold: float, relative_target: float, absolute_target: float
) -> list[str]:
    """All cells but the target: relative error of scores from ``threshold`` up, absolute error of those below."""
    scores = alcore.bald(probs)
    large = true >= threshold
    errors = np.abs(scores - true).astype(np.float64)
    relative = float((errors[large] / true[large]).max(initial=0))
    absolute = float(errors[~large].max(initial=0))
    reached = relative <= relative_target and absolute <= absolute_target and scores.min() >= 0
    cells = [f"{relative:.1e}" if large.any() else "–", f"{absolute:.1e}" if not large.all() else "–"]
    return [name, shape_text(probs.shape), str(int(large.sum())), *cells, f"{scores.min():.1e}", yes_no(bool(reached))]

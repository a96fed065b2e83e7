"""BatchBALD: speed and information against its peers, how it grows, its errors, and pools that do not fit in memory."""

from __future__ import annotations

import statistics
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from harness import (
    QUICK,
    RUNS,
    OtherWork,
    Peer,
    Table,
    alternate,
    clock,
    in_new_process,
    mebibytes_grown,
    random_probs,
    range_text,
    shape_text,
    structured_probs,
    turns,
    yes_no,
)

import alcore

POOL, K, SAMPLES = (5_000, 10, 100), 10, 10_000
ROWS = 60_000
MANY_CLASSES = (20_000, 1_000, 20)
WEAK_MS, CLASSES_SECONDS = 250, 1.5
STREAM_GIB, BLOCK_MIB, BLOCKS_HELD, LEADERS = 20, 64, 8, 0.03
SEEDS = 400
PEER_NAMES = {"redux": "batchbald-redux", "baal": "Baal"}


def tables(peer: Peer) -> Iterator[Table]:
    contests = [] if QUICK else [contest(peer, *pool) for pool in pools()]
    if contests:
        yield speed_table(contests)
        yield information_table(contests)
    yield scaling_table(contests[0].answers["redux"]["seconds"] if contests else None)
    yield weak_bounds_table()
    yield classes_table()
    yield exact_table()
    yield sampled_table()
    yield stream_table()


def select(probs: Any, k: int = K) -> alcore.Batch:
    """That the draws are exhausted is no news here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", alcore.SaturationWarning)
        return alcore.batchbald(probs, k, samples=SAMPLES, rng=0)


# --- against the peers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contest:
    """One pool, what alcore took for it, and what the peers answered."""

    pool: str
    probs: np.ndarray
    seconds: list[float]
    answers: dict[str, dict[str, Any]]
    other_cores: float


def pools() -> Iterator[tuple[str, np.ndarray, tuple[str, ...]]]:
    """Baal, the slowest, is asked about the first pool alone."""
    yield "structured", structured_probs(POOL), ("redux", "baal")
    yield "structured, draws closer", structured_probs(POOL, doubt=0.5), ("redux",)
    yield "Dirichlet(1)", random_probs(POOL), ("redux",)
    yield "structured, small", structured_probs((300, *POOL[1:])), ("redux",)


def contest(peer: Peer, pool: str, probs: np.ndarray, peers: tuple[str, ...]) -> Contest:
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "probs.npy"), probs)
        peer.ask(load=str(Path(folder, "probs.npy")))
    others = OtherWork(peer.pid)
    seconds = turns({"alcore": clock(lambda: select(probs))})["alcore"]
    answers = {name: peer.ask(batch={"of": name, "k": K, "samples": SAMPLES}) for name in peers}
    return Contest(pool, probs, seconds, answers, others.cores())


def speed_table(contests: list[Contest]) -> Table:
    text = (
        f"Greedy batches of {K} from float32 pools, {number_text(SAMPLES)} configurations on each side; alcore the median of "
        f"{RUNS}, the peers one run each beside them, on torch's default threads. Structured: rows in clusters under draws "
        "of a softmax model's posterior, as an active learner meets them; 1.3 of 100 draws still explain the labels after 10 "
        "picks, 8.6 where the draws lie closer. Dirichlet(1): every row and draw independent, where all rows are much alike and "
        "the bounds that let alcore pass rows over are at their weakest. Other work on the machine slows batchbald-redux most: "
        "torch's threads wait for each other at each of its many small products."
    )
    columns = ["pool", "(N, C, T)", "alcore ms", "fastest – slowest", "peer", "peer s", "ratio", "target", "reached"]
    rows = [speed_row(found, name) for found in contests for name in found.answers]
    return Table("BatchBALD against its peers", text, [*columns, "other work meanwhile"], rows)


def speed_row(found: Contest, name: str) -> list[str]:
    ours, theirs = statistics.median(found.seconds), found.answers[name]["seconds"]
    target = {"redux": 2_000, "baal": 3_000}[name] if found.pool == "structured" else None
    row = [found.pool, shape_text(found.probs.shape), f"{ours * 1e3:.1f}", range_text(found.seconds)]
    row += [PEER_NAMES[name], f"{theirs:.1f}", number_text(theirs / ours)]
    row += ["", ""] if target is None else [f"≥ {number_text(target)}", yes_no(theirs / ours >= target)]
    return [*row, f"{found.other_cores:.2f} cores"]


def number_text(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def information_table(contests: list[Contest]) -> Table:
    text = (
        "What the batches of the same runs are worth: `alcore.batch_information` with 1 000 000 fresh configurations, the same for "
        "all. The target is that alcore's batch is not worth less than the peer's by more than 0.005 nats. Said: the information "
        f"that the side itself reports for its batch; there are at most log T = {np.log(POOL[-1]):.2f} nats. Baal's batch is the "
        "first of its ranks: it chooses one row more than asked, and ranks the first choice last. batchbald-redux is in float32, "
        "faster than float64; there 0 · log 0 may make the score of a row NaN, and such a row is then chosen. The small "
        "structured pool is one where that happens."
    )
    columns = ["pool", "batch of", "information", "standard error", "said", "alcore's less this", "target", "reached"]
    rows = [row for found in contests for row in information_rows(found)]
    return Table("The information in those batches", text, columns, rows)


def information_rows(found: Contest) -> list[list[str]]:
    batch = select(found.probs)
    bald_top = alcore.top(alcore.bald(found.probs), K).indices
    sides = [("alcore", batch.indices, f"{batch.information[-1]:.4f}")]
    for name, answer in found.answers.items():
        lost = f", NaN at {answer['nan']} of its picks" if answer["nan"] else ""
        sides.append((PEER_NAMES[name], answer["indices"], f"{answer['information']:.4f}{lost}"))
    sides += [("the largest BALD", bald_top, "")]
    measured = [alcore.batch_information(found.probs, indices, samples=1_000_000, rng=1) for _, indices, _ in sides]
    rows = []
    for (name, _, said), estimate in zip(sides, measured, strict=True):
        less = measured[0].value - estimate.value
        row = [found.pool, name, f"{estimate.value:.4f}", f"{estimate.standard_error:.4f}", said]
        compared = name in PEER_NAMES.values()
        row += [f"{less:+.4f}" if name != "alcore" else ""]
        rows.append([*row, *(["≥ -0.005", yes_no(less >= -0.005)] if compared else ["", ""])])
    return rows


# --- how it grows -----------------------------------------------------------------------------------------------------


def scaling_table(redux_seconds: float | None) -> Table:
    text = (
        f"Structured pools, C = {POOL[1]}, T = {POOL[2]}; medians of {RUNS}, of 3 where k is above {K}. The ratio to "
        f"batchbald-redux takes its time for {number_text(POOL[0])} rows times N / {number_text(POOL[0])}. All {POOL[2]} draws "
        "are told apart long before pick 100: the later picks are filled, not searched for."
    )
    columns = ["N", "k", "ms", "batchbald-redux over alcore", "compared with", "ratio", "target", "reached"]
    small, large = structured_probs(POOL), structured_probs((ROWS, *POOL[1:]))
    sides = {
        (POOL[0], K): alternate({"": clock(lambda: select(small))})[""],
        (ROWS, K): alternate({"": clock(lambda: select(large))})[""],
        (ROWS, 20): alternate({"": clock(lambda: select(large, 20))}, 3)[""],
        (ROWS, 100): alternate({"": clock(lambda: select(large, 100))}, 3)[""],
    }
    compared = {(ROWS, K): (POOL[0], K), (ROWS, 100): (ROWS, 20)}
    rows = []
    for (n, k), seconds in sides.items():
        redux = f"{number_text(redux_seconds * n / POOL[0] / seconds)}" if redux_seconds and k == K else ""
        row = [number_text(n), str(k), f"{seconds * 1e3:.1f}", redux]
        if (n, k) in compared:
            n_before, k_before = compared[n, k]
            ratio = seconds / sides[n_before, k_before]
            row += [f"N = {number_text(n_before)}, k = {k_before}", f"{ratio:.2f}", "≤ 3", yes_no(ratio <= 3)]
        rows.append([*row, *[""] * (len(columns) - len(row))])
    return Table("BatchBALD of more rows and more picks", text, columns, rows)


def weak_bounds_table() -> Table:
    probs = random_probs(POOL)
    seconds = turns({"bald": clock(lambda: alcore.bald(probs)), "batchbald": clock(lambda: select(probs))})
    ours, bald = (statistics.median(seconds[name]) for name in ("batchbald", "bald"))
    text = f"Dirichlet(1), k = {K}: all rows are alike, so bounds let few of them pass by. Medians of {RUNS}."
    columns = ["(N, C, T)", "ms", "fastest – slowest", "BALD alone, ms", "ratio", "target", "reached"]
    row = [
        shape_text(POOL),
        f"{ours * 1e3:.0f}",
        range_text(seconds["batchbald"]),
        f"{bald * 1e3:.1f}",
        f"{ours / bald:.0f}",
    ]
    row += [f"≤ {WEAK_MS} ms", yes_no(ours * 1e3 <= WEAK_MS)]
    return Table("BatchBALD where bounds are weak", text, columns, [row])


def classes_table() -> Table:
    found = in_new_process(many_classes)
    text = (
        f"A structured pool of 1.5 GiB in a new process, k = {K}, medians of 3. Growth is of the process's anonymous memory beyond "
        "the pool, at its peak in the first call after a small one."
    )
    columns = ["(N, C, T)", "seconds", "BALD alone, seconds", "ratio", "growth MiB", "target", "reached"]
    row = [shape_text(MANY_CLASSES), f"{found['seconds']:.2f}", f"{found['bald']:.3f}"]
    row += [f"{found['seconds'] / found['bald']:.1f}", f"{found['grown']:.0f}", f"≤ {CLASSES_SECONDS} s, ≤ 2 048 MiB"]
    reached = found["grown"] <= 2_048 and found["seconds"] <= CLASSES_SECONDS
    return Table("BatchBALD of many classes", text, columns, [[*row, yes_no(reached)]])


def many_classes() -> dict[str, Any]:
    select(structured_probs((100, *MANY_CLASSES[1:])), 2)
    probs = structured_probs(MANY_CLASSES)
    grown = mebibytes_grown(lambda: select(probs))
    seconds = alternate({"bald": clock(lambda: alcore.bald(probs)), "batchbald": clock(lambda: select(probs))}, 3)
    return {"grown": grown, "bald": seconds["bald"], "seconds": seconds["batchbald"]}


def stream_table() -> Table:
    text = (
        f"{STREAM_GIB} GiB of float32 blocks of {BLOCK_MIB} MiB in a new process, C = {POOL[1]}, T = {POOL[2]}, k = {K}. There are "
        f"{BLOCKS_HELD} blocks in turn, so that making them costs nothing; before each use the draws of the {LEADERS:.0%} of "
        "largest BALD, the rows that may be kept, move on by one, which makes other rows of the same BALD. Medians of 3 in turn "
        "with `alcore.bald` of the same stream. Growth is of the process's anonymous memory, at its peak in the first call after "
        "a small one."
    )
    columns = ["stream", "rows", "seconds", "BALD alone, seconds", "ratio", "growth MiB", "target", "reached"]
    rows = []
    for name, function in (("structured", structured_stream), ("Dirichlet(1)", random_stream)):
        found = in_new_process(function)
        ratio = found["seconds"] / found["bald"]
        row = [name, number_text(found["rows"]), f"{found['seconds']:.2f}", f"{found['bald']:.2f}", f"{ratio:.2f}"]
        row += [f"{found['grown']:.0f}", "ratio ≤ 1.5, growth ≤ 500"]
        rows.append([*row, yes_no(ratio <= 1.5 and found["grown"] <= 500)])
    return Table("BatchBALD of a stream", text, columns, rows)


def structured_stream() -> dict[str, Any]:
    return long_stream(structured_probs)


def random_stream() -> dict[str, Any]:
    return long_stream(random_probs)


def long_stream(make: Callable[[tuple[int, int, int]], np.ndarray]) -> dict[str, Any]:
    rows = BLOCK_MIB * 2**20 // (4 * POOL[1] * POOL[2])
    held = make((BLOCKS_HELD * rows, *POOL[1:])).reshape(BLOCKS_HELD, rows, *POOL[1:])
    for block in held:
        block[:] = block[np.argsort(-alcore.bald(block))]
    count, leaders = STREAM_GIB * 1024 // BLOCK_MIB, int(LEADERS * rows)

    def blocks() -> Iterator[np.ndarray]:
        for i in range(count):
            block = held[i % BLOCKS_HELD]
            block[:leaders] = np.roll(block[:leaders], 1, axis=-1)
            yield block

    select(iter([held[0, :1_000]]), 3)
    grown = mebibytes_grown(lambda: select(blocks()))
    sides = {"bald": clock(lambda: alcore.bald(blocks())), "batchbald": clock(lambda: select(blocks()))}
    seconds = alternate(sides, 3)
    return {"grown": grown, "bald": seconds["bald"], "seconds": seconds["batchbald"], "rows": rows * count}


# --- errors -----------------------------------------------------------------------------------------------------------


def exact_table() -> Table:
    text = (
        "The gains of `alcore.batchbald` where every configuration is expanded, against all Cᵏ joint labels added up in float64 on "
        "the same numbers: 200 pools a row with N ≤ 8, C ≤ 4, T ≤ 20, k ≤ 5, every other one with unequal weights of the draws. "
        "Short: by how much the gain of a pick was at most below the largest gain of any row at that point. Picks filled after "
        "the draws were exhausted (no gain of 1e-6 left) are not among them."
    )
    columns = ["pool", "type", "picks", "max error of a gain", "max short", "target", "reached"]
    makers: dict[str, Callable[[tuple[int, int, int], int], np.ndarray]] = {
        "Dirichlet(1)": lambda shape, seed: random_probs(shape, seed, np.float64),
        "Dirichlet(0.05), zeros where below 1e-4": sparse_probs,
        "structured": structured_probs,
    }
    rows = [exact_row(name, make, dtype) for name, make in makers.items() for dtype in (np.float32, np.float64)]
    return Table("Errors of BatchBALD, exact gains", text, columns, rows)


def sparse_probs(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    probs = np.random.default_rng(seed).standard_gamma(0.05, shape) + 1e-300
    probs /= probs.sum(axis=1, keepdims=True)
    probs[probs < 1e-4] = 0
    return probs / probs.sum(axis=1, keepdims=True)


def exact_row(name: str, make: Callable[[tuple[int, int, int], int], np.ndarray], dtype: type) -> list[str]:
    errors, short, picks = [0.0], [0.0], 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        shape = int(rng.integers(2, 9)), int(rng.integers(2, 5)), int(rng.integers(2, 21))
        probs = make(shape, seed).astype(dtype)
        weights = rng.random(shape[-1]) + 0.1 if seed % 2 else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", alcore.SaturationWarning)
            batch = alcore.batchbald(probs, min(5, len(probs)), weights=weights, rng=seed)
        searched = len(batch) if batch.saturated_at is None else batch.saturated_at
        gains, best = brute_gains(probs, batch.indices[:searched], weights)
        errors.extend(np.abs(batch.scores[:searched] - gains))
        short.extend(best - gains)
        picks += searched
    row = [name, np.dtype(dtype).name, str(picks), f"{max(errors):.1e}", f"{max(short):.1e}"]
    return [*row, "error ≤ 1e-6", yes_no(max(errors) <= 1e-6)]


def brute_gains(probs: np.ndarray, chosen: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The gain of each pick after the ones before it, and the largest gain of any row left at that point."""
    p = probs.astype(np.float64)
    w = np.full(p.shape[-1], 1.0) if weights is None else weights
    w = w / w.sum()
    given = -(xlogx(p).sum(axis=1) @ w)
    joint, gains, best = np.ones((1, len(w))), [], []
    before = 0.0
    for m, pick in enumerate(chosen):
        after = {b: -xlogx(expand(joint, p[b]) @ w).sum() for b in range(len(p)) if b not in chosen[:m]}
        gain = {b: after[b] - before - given[b] for b in after}
        gains.append(gain[pick])
        best.append(max(gain.values()))
        joint, before = expand(joint, p[pick]), after[pick]
    return np.array(gains), np.array(best)


def expand(joint: np.ndarray, probs_ct: np.ndarray) -> np.ndarray:
    """p(labels so far and one more | draw): (configurations, T) to (configurations C, T)."""
    return (joint[:, None] * probs_ct).reshape(-1, joint.shape[-1])


def xlogx(x: np.ndarray) -> np.ndarray:
    return x * np.log(x, out=np.zeros_like(x), where=x > 0)


def sampled_table() -> Table:
    text = (
        f"`alcore.joint_entropy(batch, samples={SAMPLES}, exact=0)` of fixed batches of 8 rows, C = 10, T = 100, with {SEEDS} "
        "seeds, against all 10⁸ joint labels added up. Independent: the same conditional form and as many configurations, each "
        "label drawn independently, in NumPy. The targets are a mean error within 3 of its standard errors and, for the "
        "structured batch, a spread of at most 0.7 of the independent one. Strata even out how often each label is drawn, not "
        "which labels meet: with Dirichlet(1) rows they gain less."
    )
    columns = ["batch", "entropy", "mean error", "its standard error", "spread", "said", "independent spread"]
    columns += ["spread over independent", "target", "reached"]
    large = structured_probs(POOL)
    structured = large[alcore.top(alcore.bald(large), 40).indices[::5]]
    rows = [sampled_row("structured, every fifth of the 40 rows of largest BALD", structured, 0.7)]
    rows.append(sampled_row("Dirichlet(1)", random_probs((8, *POOL[1:])), None))
    return Table("Errors of the sampled joint entropy", text, columns, rows)


def sampled_row(name: str, batch: np.ndarray, target: float | None) -> list[str]:
    exact = exact_entropy(batch)
    estimates = [alcore.joint_entropy(batch, samples=SAMPLES, exact=0, rng=seed) for seed in range(SEEDS)]
    errors = np.array([estimate.value for estimate in estimates]) - exact
    independent = [independent_entropy(batch, SAMPLES, np.random.default_rng(seed)) for seed in range(SEEDS)]
    mean, spread, ratio = errors.mean(), errors.std(ddof=1), errors.std(ddof=1) / np.std(independent, ddof=1)
    mean_error = spread / np.sqrt(SEEDS)
    said = np.mean([estimate.standard_error for estimate in estimates])
    row = [name, f"{exact:.4f}", f"{mean:+.1e}", f"{mean_error:.1e}", f"{spread:.1e}", f"{said:.1e}"]
    row += [f"{np.std(independent, ddof=1):.1e}", f"{ratio:.2f}"]
    reached = abs(mean) <= 3 * mean_error and (target is None or ratio <= target)
    return [*row, "mean" if target is None else f"mean, ratio ≤ {target}", yes_no(reached)]


def exact_entropy(batch: np.ndarray) -> float:
    """H(y) of all joint labels: those of one half of the batch times those of the other."""
    p, draws = batch.astype(np.float64), batch.shape[-1]
    halves = []
    for half in np.array_split(p, 2):
        joint = np.ones((1, draws))
        for probs_ct in half:
            joint = expand(joint, probs_ct)
        halves.append(joint)
    parts = np.array_split(halves[0], max(1, len(halves[0]) // 500))
    return -float(sum(xlogx(part @ halves[1].T / draws).sum() for part in parts))


def independent_entropy(batch: np.ndarray, samples: int, rng: np.random.Generator) -> float:
    """The sum of H(y_b | y_before) over configurations whose labels are drawn independently of each other."""
    draws = batch.shape[-1]
    owner = np.repeat(np.arange(draws), samples // draws)
    posterior = np.full((len(owner), draws), np.float32(1 / draws))
    total = 0.0
    for probs_ct in batch.astype(np.float32):
        total -= xlogx(posterior @ probs_ct.T).sum(dtype=np.float64) / len(owner)
        edges = probs_ct.cumsum(axis=0)[:, owner]
        label = (rng.random(len(owner), dtype=np.float32) * edges[-1] >= edges).sum(axis=0)
        posterior *= probs_ct[np.minimum(label, len(probs_ct) - 1)]
        posterior /= posterior.sum(axis=1, keepdims=True)
    return total

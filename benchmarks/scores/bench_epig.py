"""EPIG: speed against Baal and against the matrix product inside it, the greedy batch, errors where the information is small."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import (
    RUNS,
    OtherWork,
    Peer,
    Table,
    clock,
    mebibytes_grown,
    random_probs,
    range_text,
    rested,
    shape_text,
    structured_probs,
    turns,
    yes_no,
)

import alcore

PICKS = 3  # of an enumeration over all rows
SIZES, LARGE, FRESH = (1, 2, 3, 10, 20), 10, 20_000
MOST_LOST, MOST_SECONDS = 0.005, 6
OVER_PRODUCT, MANY_TARGETS, TILE_MIB = 1.25, 5_000, 8
POOL, TARGETS, DRAWS = (2_000, 10), (500, 10), 100


def tables(peer: Peer) -> Iterator[Table]:
    yield speed_table(peer)
    yield memory_table()
    yield batch_table()
    yield error_table(peer)


def peer_scores(peer: Peer, probs: np.ndarray, targets: np.ndarray, folder: str) -> np.ndarray:
    load(peer, probs, targets, folder)
    peer.ask(time="epig")
    peer.ask(save=str(Path(folder, "scores.npy")))
    return np.asarray(np.load(Path(folder, "scores.npy"), allow_pickle=False))


def load(peer: Peer, probs: np.ndarray, targets: np.ndarray, folder: str) -> None:
    for name, array in (("load", probs), ("targets", targets)):
        path = str(Path(folder, f"{name}.npy"))
        np.save(path, array)
        peer.ask(**{name: path})


def speed_table(peer: Peer) -> Table:
    probs, targets = random_probs((*POOL, DRAWS), 5), random_probs((*TARGETS, DRAWS), 6)
    logits, target_logits = np.log(probs), np.log(targets)
    rows_draws, draws_columns = probs.reshape(-1, DRAWS), np.ascontiguousarray(targets.reshape(-1, DRAWS).T)
    product = np.empty((len(rows_draws), draws_columns.shape[1]), np.float32)
    multiply = clock(lambda: np.matmul(rows_draws, draws_columns, out=product))
    with tempfile.TemporaryDirectory() as folder:
        load(peer, probs, targets, folder)
        others = OtherWork(peer.pid)
        seconds = turns(
            {
                "probs": clock(lambda: alcore.epig(probs, targets)),
                "logits": clock(lambda: alcore.epig(logits, target_logits, kind="logits")),
                "Baal": lambda: float(peer.ask(time="epig")["seconds"]),
                "product": lambda: rested(multiply()),
            }
        )
        other_cores = others.cores()
    rows = [
        speed_row(f"{shape_text(probs.shape)}, {TARGETS[0]} targets", kind, seconds) for kind in ("probs", "logits")
    ]
    rows = [[*row, f"{other_cores:.2f} cores"] for row in rows]
    columns = [
        "(N, C, T)",
        "alcore ms",
        "fastest – slowest",
        "product alone ms",
        "fastest – slowest",
        "alcore over product",
    ]
    columns += [
        "target",
        "reached",
        "Baal ms",
        "fastest – slowest",
        "Baal over alcore",
        "Baal over product",
        "other work meanwhile",
    ]
    text = (
        "float32, random predictions (Dirichlet(1)), in turn; medians. Both sides multiply N C by J C numbers over T draws. This "
        "product alone is NumPy's BLAS on all cores, which writes its N C J C numbers to memory. Baal's float32 form does so "
        "too, and reads them for the logarithm. So Baal over product is what a form that multiplies as BLAS does would reach, with "
        "logarithms that cost nothing. alcore keeps the products of a tile in the cache."
    )
    return Table("EPIG against Baal", text, columns, rows)


def speed_row(name: str, kind: str, seconds: dict[str, list[float]]) -> list[str]:
    ours, baal, bound = (statistics.median(seconds[side]) for side in (kind, "Baal", "product"))
    row = [f"{name}, {kind}", f"{ours * 1e3:.0f}", range_text(seconds[kind])]
    row += [f"{bound * 1e3:.0f}", range_text(seconds["product"]), f"{ours / bound:.2f}", f"≤ {OVER_PRODUCT}"]
    row += [yes_no(ours / bound <= OVER_PRODUCT), f"{baal * 1e3:.0f}", range_text(seconds["Baal"])]
    return [*row, f"{baal / ours:.1f}", f"{baal / bound:.1f}"]


def memory_table() -> Table:
    probs, targets = random_probs((*POOL, DRAWS), 5), random_probs((MANY_TARGETS, TARGETS[1], DRAWS), 6)
    # a source of targets, its keywords, and how many copies of the targets in float32 it may need
    sources: dict[str, tuple[np.ndarray, dict[str, str], int]] = {
        "float32": (targets, {}, 1),
        "float16": (targets.astype(np.float16), {}, 2),
        "float32 logits": (np.log(targets), {"kind": "logits"}, 2),
    }
    columns = ["targets", "their MiB in float32", "alcore grew by MiB", "target", "reached", "joint distributions MiB"]
    joint = 4 * POOL[0] * POOL[1] * MANY_TARGETS * TARGETS[1] / 2**20
    rows = []
    for name, (source, options, copies) in sources.items():
        pool = np.log(probs) if options else probs
        alcore.epig(pool[:10], source[:10], **options)
        grown, own = mebibytes_grown(lambda: alcore.epig(pool, source, **options)), targets.nbytes / 2**20  # noqa: B023
        most = copies * own + TILE_MIB
        row = [f"{MANY_TARGETS} of {shape_text((*TARGETS[1:], DRAWS))}, {name}", f"{own:.0f}", f"{grown:.0f}"]
        rows.append([*row, f"≤ {most:.0f}", yes_no(grown <= most), f"{joint:.0f}"])
    text = (
        f"A float32 pool {shape_text((*POOL, DRAWS))}, of logits beside targets of logits. The targets are packed for products, "
        "which is one copy. Those that kernels cannot read as they lie are copied once more. The target is so many copies and "
        f"{TILE_MIB} MiB for the tiles of all threads."
    )
    return Table("Memory of EPIG", text, columns, rows)


def batch_table() -> Table:
    """Seconds of batches beside those of EPIG, and what their labels tell beside the picks of an enumeration over all rows."""
    rows = [
        *batch_rows("Dirichlet(1)", random_probs((*POOL, DRAWS), 5), random_probs((*TARGETS, DRAWS), 6)),
        *batch_rows("structured", *np.split(structured_probs((POOL[0] + TARGETS[0], POOL[1], DRAWS), 5), [POOL[0]])),
    ]
    columns = ["pool", "k", "alcore s", "EPIG of the pool, times", "exact gains", "information said", "measured afresh"]
    columns += ["`exact=0`, measured", "enumeration's, measured", "lost of it", "target", "reached"]
    text = (
        f"{shape_text((*POOL, DRAWS))}, {TARGETS[0]} targets, float32, no other implementation was found. Nats, the mean over "
        "targets. Up to three picks the measure sums over all labels of the batch and compares with greedy picks that sum over all "
        f"labels for every row. After that it is the mean over {FRESH:,} fresh configurations, whose labels are drawn."
    )
    return Table("Batch EPIG", text, columns, rows)


def batch_rows(name: str, probs: np.ndarray, targets: np.ndarray) -> Iterator[list[str]]:
    alcore.batch_epig(probs[:600], targets[:100], 3, exact=0, rng=0)
    one = min(clock(lambda: alcore.epig(probs, targets))() for _ in range(RUNS))
    enumerated = greedy(probs, targets)
    for k in SIZES:
        seconds = clock(lambda size=k: alcore.batch_epig(probs, targets, size, rng=0))()
        batch, sampled = (alcore.batch_epig(probs, targets, k, rng=0, exact=exact) for exact in (100, 0))
        own, other = (information(probs[one.indices], targets) for one in (batch, sampled))
        row = [name, str(k), f"{seconds:.2f}", f"{seconds / one:.0f}", str(batch.exact_until)]
        row += [f"{batch.information[-1]:.4f}", f"{own:.4f}", f"{other:.4f}"]
        if k <= len(enumerated):
            best = information(probs[enumerated[:k]], targets)
            lost = best - min(own, other)
            row += [f"{best:.4f}", f"{lost:.5f}", f"≤ {MOST_LOST}", yes_no(lost <= MOST_LOST)]
        elif k == LARGE:
            row += ["–", "–", f"≤ {MOST_SECONDS} s", yes_no(seconds <= MOST_SECONDS)]
        else:
            row += ["–", "–", "", ""]
        yield row


def greedy(probs: np.ndarray, targets: np.ndarray) -> list[int]:
    """The greedy batch by the definition: EPIG of every row under each label configuration of the rows before."""
    picks: list[int] = []
    for _ in range(PICKS):
        omega, posteriors = configurations(probs[picks])
        gains = sum(
            share * alcore.epig(probs, targets, weights=own) for share, own in zip(omega, posteriors, strict=True)
        )
        gains[picks] = -np.inf
        picks.append(int(np.argmax(gains)))
    return picks


def configurations(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All labels of a batch: their probabilities, and the posterior over draws after each."""
    joint = np.full((1, DRAWS), 1 / DRAWS)
    for row in batch.astype(float):
        joint = (joint[:, None] * row).reshape(-1, DRAWS)
    omega = joint.sum(axis=1)
    return omega, joint / omega[:, None]


def drawn(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fresh configurations of a batch's labels, each from a draw."""
    rng = np.random.default_rng(99)
    owners = np.arange(FRESH) % DRAWS
    log = np.zeros((FRESH, DRAWS))
    for row in batch.astype(float):
        labels = (row[:, owners].cumsum(axis=0) < rng.random(FRESH)).sum(axis=0).clip(max=len(row) - 1)
        log += np.log(np.maximum(row[labels], 1e-300))
    posteriors = np.exp(log - log.max(axis=1, keepdims=True))
    return np.full(FRESH, 1 / FRESH), posteriors / posteriors.sum(axis=1, keepdims=True)


def information(batch: np.ndarray, targets: np.ndarray) -> float:
    """What the labels of a batch tell about a target, the mean: the divergence of its prediction from the one before."""
    omega, posteriors = configurations(batch) if len(batch) <= PICKS else drawn(batch)
    flat, total = targets.reshape(-1, DRAWS).astype(float), 0.0
    before = flat.mean(axis=1)
    for start in range(0, len(omega), 500):
        after = posteriors[start : start + 500] @ flat.T
        total += float(omega[start : start + 500] @ (after * np.log(np.maximum(after, 1e-300) / before)).sum(axis=1))
    return total / len(targets)


def error_table(peer: Peer) -> Table:
    columns = ["pool", "(N, C, T)", "scores", "alcore: max relative error where ≥ 1e-9", "alcore: least score"]
    columns += ["Baal: max relative error where ≥ 1e-9", "Baal: negative scores", "target", "reached"]
    text = (
        "float32 input against the definition in extended precision on the same numbers (50 targets). The target is a relative "
        "error of at most 1e-3 for every score of at least 1e-9, and no negative score."
    )
    rng = np.random.default_rng(7)
    base, base_targets = rng.normal(0, 2, (400, 10, 1)), rng.normal(0, 2, (50, 10, 1))
    noise = np.logspace(-4, 0, 400)[:, None, None] * rng.normal(size=(400, 10, DRAWS))
    tiny = softmax(base + noise), softmax(base_targets + 0.1 * rng.normal(size=(50, 10, DRAWS)))
    large = random_probs((400, 10, DRAWS), 8), random_probs((50, 10, DRAWS), 9)
    rows = [error_row(peer, "large disagreement, Dirichlet(1)", *large)]
    rows.append(error_row(peer, "disagreement from 1e-4 to 1 in the logits", *tiny))
    return Table("Errors of EPIG, float32", text, columns, rows)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def error_row(peer: Peer, name: str, probs: np.ndarray, targets: np.ndarray) -> list[str]:
    exact = exact_epig(probs, targets)
    with tempfile.TemporaryDirectory() as folder:
        theirs = peer_scores(peer, probs, targets, folder)
    ours = alcore.epig(probs, targets)
    large = exact >= 1e-9
    errors = [float((np.abs(scores - exact)[large] / exact[large]).max()) for scores in (ours, theirs)]
    reached = errors[0] <= 1e-3 and ours.min() >= 0
    row = [
        name,
        shape_text(probs.shape),
        f"{exact.min():.0e} … {exact.max():.0e}",
        f"{errors[0]:.1e}",
        f"{ours.min():.1e}",
    ]
    return [*row, f"{errors[1]:.1e}", str(int((theirs < 0).sum())), "≤ 1e-3, ≥ 0", yes_no(reached)]


def exact_epig(probs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """sum_cd m f(j / m - 1), averaged over targets, in the machine's longest floating point."""
    p, q = probs.astype(np.longdouble), targets.astype(np.longdouble)
    p_mean, q_mean = p.mean(axis=-1), q.mean(axis=-1)
    q_centred = q - q_mean[..., None]
    scores = []
    for p_ct, mean_c in zip(p, p_mean, strict=True):
        joint_less = np.tensordot(p_ct - mean_c[:, None], q_centred, axes=(1, 2)) / p.shape[-1]
        product = mean_c[:, None, None] * q_mean
        delta = joint_less / product
        scores.append((product * ((1 + delta) * np.log1p(delta) - delta)).sum() / len(targets))
    return np.array(scores, np.float64)

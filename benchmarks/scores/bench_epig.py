"""EPIG: speed against Baal and against the matrix product inside it, the greedy batch, errors where the information is small."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import OtherWork, Peer, Table, clock, random_probs, range_text, shape_text, turns, yes_no

import alcore

PICKS = 3
POOL, TARGETS, DRAWS = (2_000, 10), (500, 10), 100


def tables(peer: Peer) -> Iterator[Table]:
    yield speed_table(peer)
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
    rows_draws, draws_columns = probs.reshape(-1, DRAWS), np.ascontiguousarray(targets.reshape(-1, DRAWS).T)
    product = np.empty((len(rows_draws), draws_columns.shape[1]), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        load(peer, probs, targets, folder)
        others = OtherWork(peer.pid)
        seconds = turns(
            {
                "alcore": clock(lambda: alcore.epig(probs, targets)),
                "Baal": lambda: float(peer.ask(time="epig")["seconds"]),
                "product": clock(lambda: np.matmul(rows_draws, draws_columns, out=product)),
            }
        )
        other_cores = others.cores()
    ours, baal, bound = (statistics.median(seconds[side]) for side in ("alcore", "Baal", "product"))
    row = [f"{shape_text(probs.shape)}, {TARGETS[0]} targets", f"{ours * 1e3:.0f}", range_text(seconds["alcore"])]
    row += [f"{baal * 1e3:.0f}", range_text(seconds["Baal"]), f"{baal / ours:.1f}", "≥ 25", yes_no(baal / ours >= 25)]
    row += [f"{bound * 1e3:.0f}", f"{baal / bound:.1f}", f"{other_cores:.2f} cores"]
    columns = [
        "(N, C, T)",
        "alcore ms",
        "fastest – slowest",
        "Baal ms",
        "fastest – slowest",
        "ratio",
        "target",
        "reached",
    ]
    columns += ["product alone ms", "Baal over product alone", "other work meanwhile"]
    text = (
        "float32, random predictions (Dirichlet(1)), in turn; medians. Both sides multiply N C by J C numbers over T draws, and "
        "this product alone, by NumPy's BLAS on all cores, bounds what any exact form can reach."
    )
    return Table("EPIG against Baal", text, columns, [row])


def batch_table() -> Table:
    probs, targets = random_probs((*POOL, DRAWS), 5), random_probs((*TARGETS, DRAWS), 6)
    alcore.batch_epig(probs[:8], targets[:8], 2, rng=0)
    seconds = clock(lambda: alcore.batch_epig(probs, targets, PICKS, rng=0))()
    row = [f"{shape_text(probs.shape)}, {TARGETS[0]} targets", str(PICKS), f"{seconds:.1f}"]
    columns = ["(N, C, T)", "k", "alcore s", "EPIG of the pool, times"]
    text = (
        "float32, random predictions (Dirichlet(1)), one run; no other implementation was found. The third pick looks at all "
        "100 pairs of labels of the first two, so three picks are 111 times EPIG of the pool."
    )
    return Table("Batch EPIG", text, columns, [[*row, str(sum(TARGETS[1] ** i for i in range(PICKS)))]])


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

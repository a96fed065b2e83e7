"""Outputs of other kinds and layouts: maps in float16, one yes or no, and arrays in another order of axes."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import (
    QUICK,
    OtherWork,
    Peer,
    Table,
    clock,
    mebibytes_grown,
    random_probs,
    range_text,
    shape_text,
    turns,
    yes_no,
)
from scipy.special import xlogy

import alcore

RUNS = 5
BLOCK = (1, 21, 64, 64, 20) if QUICK else (1, 21, 512, 512, 20)  # one image: classes, height, width, draws
IMAGES = 8
MAPS_FASTER = 15  # than Baal, at least
YES = (20_000, 50) if QUICK else (2_000_000, 50)
YES_SHARE = 0.7  # of the time of two classes, at most
YES_ERROR = 1e-6
LAYOUT = (5_000, 10, 100) if QUICK else (50_000, 10, 100)
LAYOUTS = {"TNC": (2, 0, 1), "NTC": (0, 2, 1), "CNT": (1, 0, 2), "TCN": (2, 1, 0)}
LAYOUT_RATIO = 1.6  # of the time of (N, C, T), at most


def tables(peer: Peer) -> Iterator[Table]:
    yield maps_table(peer)
    yield yes_table()
    yield layouts_table()


# --- maps -------------------------------------------------------------------------------------------------------------


def maps_table(peer: Peer) -> Table:
    """Ours over the whole stream, the others over one image a turn: they take minutes for a stream."""
    text = (
        f"A stream of {IMAGES} float16 blocks {shape_text(BLOCK)} of {np.prod(BLOCK) * 2 / 2**20:.0f} MiB, one image each, random "
        "predictions (Dirichlet(1)). Two blocks are used in turn, so that making them costs nothing. alcore scores the stream, "
        "`Reduce(BALD(), 'mean').score(stream)`, on all threads; the others score one image in each turn, on one thread. Medians "
        f"of {RUNS}. Baal, `BALD(reduction='mean')`, takes float16 whose sums are rounded for logits, and applies a softmax: its "
        "scores are then of other predictions. So it also gets each block converted to float32 and normalised, which is part of "
        "its time. NumPy is H[mean] − mean H by `scipy.special.xlogy` in float32, conversion included. Growth is of anonymous "
        "memory above the start, blocks not counted."
    )
    columns = ["side", "ms an image", "fastest – slowest", "over alcore", "target", "reached"]
    columns += ["growth MiB", "difference of the score", "other work meanwhile"]
    return Table("Maps against Baal", text, columns, _maps_rows(peer))


def _maps_rows(peer: Peer) -> list[list[str]]:
    blocks = [random_probs(BLOCK, seed).astype(np.float16) for seed in range(2)]
    heuristic = alcore.Reduce(alcore.BALD(), "mean")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "image.npy"))
        np.save(path, blocks[0])
        peer.ask(map=path)
        others = OtherWork(peer.pid)
        seconds = turns(
            {
                "alcore": lambda: clock(lambda: heuristic.score(stream(blocks)))() / IMAGES,
                "Baal": lambda: float(peer.ask(score_map="float16")["seconds"]),
                "Baal, float32": lambda: float(peer.ask(score_map="float32")["seconds"]),
                "NumPy": clock(lambda: numpy_bald(blocks[0])),
            },
            RUNS,
        )
        other_cores = f"{others.cores():.2f} cores"
        grown = {"alcore": mebibytes_grown(lambda: heuristic.score(stream(blocks)))}
        grown["NumPy"] = mebibytes_grown(lambda: numpy_bald(blocks[0]))
        answers = {
            side: peer.ask(map_memory=dtype) for side, dtype in (("Baal", "float16"), ("Baal, float32", "float32"))
        }
    grown |= {side: answer["grown"] for side, answer in answers.items()}
    scores = {"alcore": float(heuristic.score(blocks[0])[0]), "NumPy": numpy_bald(blocks[0])}
    scores |= {side: answer["score"] for side, answer in answers.items()}
    return [_maps_row(side, seconds, grown, scores, other_cores) for side in seconds]


def _maps_row(
    side: str,
    seconds: dict[str, list[float]],
    grown: dict[str, float],
    scores: dict[str, float],
    other_cores: str,
) -> list[str]:
    median, ours = statistics.median(seconds[side]), statistics.median(seconds["alcore"])
    row, ratio, target, difference = [side, f"{median * 1e3:.1f}", range_text(seconds[side])], "", ["", ""], ""
    if side == "alcore":
        most = np.prod(BLOCK) * 2 / 2**20
        target = [f"growth ≤ {most:.0f}, one block", yes_no(grown[side] <= most)]
    else:
        ratio, difference = f"{median / ours:.1f}", f"{abs(scores[side] - scores['alcore']):.0e}"
    if side.startswith("Baal"):
        target = [f"≥ {MAPS_FASTER}", yes_no(median / ours >= MAPS_FASTER)]
    return [*row, ratio, *target, f"{grown[side]:.0f}", difference, other_cores]


def stream(blocks: list[np.ndarray]) -> Iterator[np.ndarray]:
    for image in range(IMAGES):
        yield blocks[image % len(blocks)]


def numpy_bald(block: np.ndarray) -> float:
    probs = block.astype(np.float32)
    mean = probs.mean(axis=-1)
    return float((xlogy(probs, probs).sum(axis=1).mean(axis=-1) - xlogy(mean, mean).sum(axis=1)).mean())


# --- one yes or no ----------------------------------------------------------------------------------------------------


def yes_table() -> Table:
    text = (
        f"float32 probabilities of yes {shape_text(YES)}, uniform, as `kind='binary'` against the same numbers as two classes "
        f"{shape_text((YES[0], 2, YES[1]))}, in turn; medians of {RUNS}. The ratio is of the two times."
    )
    columns = ["measure", "binary ms", "fastest – slowest", "two classes ms", "fastest – slowest", "ratio"]
    columns += ["largest difference of scores", "target", "reached", "other work meanwhile"]
    yes = np.random.default_rng(0).random(YES, np.float32)
    two = np.stack([1 - yes, yes], axis=1)
    rows = [_yes_row(name, yes, two) for name in ("bald", "entropy")]
    return Table("One yes or no against two classes", text, columns, rows)


def _yes_row(name: str, yes: np.ndarray, two: np.ndarray) -> list[str]:
    measure, others = getattr(alcore, name), OtherWork()
    sides = {"binary": clock(lambda: measure(yes, kind="binary")), "two": clock(lambda: measure(two))}
    seconds = turns(sides, RUNS)
    binary, classes = (statistics.median(seconds[side]) for side in sides)
    difference = float(np.abs(measure(yes, kind="binary") - measure(two)).max())
    row = [f"`{name}`", f"{binary * 1e3:.1f}", range_text(seconds["binary"])]
    row += [f"{classes * 1e3:.1f}", range_text(seconds["two"]), f"{binary / classes:.2f}"]
    row += [f"{difference:.0e}", f"ratio ≤ {YES_SHARE}, difference ≤ {YES_ERROR:.0e}"]
    reached = binary / classes <= YES_SHARE and difference <= YES_ERROR
    return [*row, yes_no(reached), f"{others.cores():.2f} cores"]


# --- layouts ----------------------------------------------------------------------------------------------------------


def layouts_table() -> Table:
    text = (
        f"`alcore.bald` of {shape_text(LAYOUT)}, random predictions (Dirichlet(1)), and of the same numbers in another order in "
        f"memory, read by `axes=`, in turn; medians of {RUNS}. The ratio is the time of the other order over that of (N, C, T) as "
        "it lies, of the same dtype, and for float16 that of float32. The scores are the same bits as those of (N, C, T) in the "
        "same dtype."
    )
    columns = [
        "dtype",
        "axes",
        "ms",
        "fastest – slowest",
        "(N, C, T) ms",
        "fastest – slowest",
        "ratio",
        "target",
        "reached",
    ]
    rows = [row for dtype in (np.float32, np.float64, np.float16) for row in _layout_rows(dtype)]
    return Table("Other orders of axes", text, [*columns, "other work meanwhile"], rows)


def _layout_rows(dtype: type) -> list[list[str]]:
    probs = random_probs(LAYOUT)
    same = probs.astype(dtype)
    ready = probs if dtype is np.float16 else same
    orders = {"NCT": (0, 1, 2), **LAYOUTS} if dtype is np.float16 else LAYOUTS
    laid = {axes: np.ascontiguousarray(same.transpose(order)) for axes, order in orders.items()}
    others = OtherWork()
    sides = {"": clock(lambda: alcore.bald(ready)), **{axes: _scoring(array, axes) for axes, array in laid.items()}}
    seconds = turns(sides, RUNS)
    for axes, array in laid.items():
        np.testing.assert_array_equal(alcore.bald(array, axes=axes), alcore.bald(same))
    other_cores = f"{others.cores():.2f} cores"
    return [[dtype.__name__, *_layout_row(axes, seconds[axes], seconds[""]), other_cores] for axes in laid]


def _scoring(array: np.ndarray, axes: str) -> Callable[[], float]:
    return clock(lambda: alcore.bald(array, axes=axes))


def _layout_row(axes: str, own: list[float], ready: list[float]) -> list[str]:
    median, as_it_lies = statistics.median(own), statistics.median(ready)
    ratio = median / as_it_lies
    row = [axes, f"{median * 1e3:.1f}", range_text(own), f"{as_it_lies * 1e3:.1f}", range_text(ready), f"{ratio:.2f}"]
    return [*row, f"≤ {LAYOUT_RATIO}", yes_no(ratio <= LAYOUT_RATIO)]

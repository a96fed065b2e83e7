"""Sets of different size: what reducing boxes to images adds to one pass over the boxes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import numpy as np
from harness import QUICK, RUNS, Peer, Table, clock, random_probs, range_text, shape_text, turns, yes_no

import alcore

IMAGES, BOXES = (1_000, (10_000, 10, 20)) if QUICK else (100_000, (1_000_000, 10, 20))
HOWS = ("sum", "mean", "max", "top-mean")
FULL = 2.0  # times one pass, at most


def tables(peer: Peer) -> Iterator[Table]:
    yield sets_table()


def sets_table() -> Table:
    flat = random_probs(BOXES)
    sizes = np.random.default_rng(1).multinomial(BOXES[0], np.full(IMAGES, 1 / IMAGES))
    images = alcore.Ragged(flat, np.concatenate([[0], np.cumsum(sizes)]))
    scores = alcore.bald(flat)
    text = (
        f"float32 boxes {shape_text(BOXES)} of {IMAGES} images with 0 to {sizes.max()} boxes each, in turn; "
        f"medians of {RUNS}. The first rows reduce BALD, `Reduce(BALD(), how, empty=0).score(ragged)`, against `bald(flat)`, one "
        "pass over the flat array. The others reduce scores that are there, `reduce(scores, how, offsets=offsets, empty=0)`, "
        f"against `scores.sum()`. That reads {scores.nbytes / 1e6:.0f} MB and no predictions, so these rows have no target. "
        "`np.add.reduceat` is NumPy's sum of segments, without checks. It gives an image without boxes a wrong number."
    )
    columns = [
        "reduced",
        "how",
        "ms",
        "fastest – slowest",
        "one pass ms",
        "fastest – slowest",
        "ratio",
        "target",
        "reached",
    ]
    by_object = {how: _reducing(how, images) for how in HOWS}
    by_function = {how: _reducing_scores(how, scores, images.offsets) for how in HOWS}
    by_function["np.add.reduceat"] = lambda: np.add.reduceat(scores, images.offsets[:-1])
    rows = _rows("BALD of boxes", by_object, lambda: alcore.bald(flat), FULL)
    rows += _rows("scores of boxes", by_function, scores.sum, None)
    return Table("Boxes to images", text, columns, rows)


def _reducing(how: str, images: alcore.Ragged) -> Callable[[], object]:
    heuristic = alcore.Reduce(alcore.BALD(), how, empty=0)
    return lambda: heuristic.score(images)


def _reducing_scores(how: str, scores: np.ndarray, offsets: np.ndarray) -> Callable[[], object]:
    return lambda: alcore.reduce(scores, how, offsets=offsets, empty=0)


def _rows(
    what: str, sides: dict[str, Callable[[], object]], one_pass: Callable[[], object], most: float | None
) -> list[list[str]]:
    seconds = turns({name: clock(side) for name, side in {"one pass": one_pass, **sides}.items()})
    once = statistics.median(seconds["one pass"])
    rows = []
    for how in sides:
        median = statistics.median(seconds[how])
        row = [what, how, f"{median * 1e3:.1f}", range_text(seconds[how]), f"{once * 1e3:.1f}"]
        row += [range_text(seconds["one pass"]), f"{median / once:.2f}"]
        rows.append([*row, *(["", ""] if most is None else [f"≤ {most:g}", yes_no(median / once <= most)])])
    return rows

"""Adapters: time against loops written by hand in the same framework, against Baal's wrapper, and memory."""

from __future__ import annotations

import importlib
import os
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from harness import (
    RUNS,
    OtherWork,
    Peer,
    Table,
    anonymous_mib,
    clock,
    in_new_process,
    mebibytes_grown,
    range_text,
    turns,
    yes_no,
)

ROWS, DRAWS, BATCH = 1_024, 50, 128
LARGE_ROWS = 4 * ROWS
LARGEST = 1.05  # times a loop written by hand


def tables(peer: Peer) -> Iterator[Table]:
    yield loops_table()
    yield attention_table()
    yield again_table()
    yield checks_table()
    yield baal_table(peer)
    yield memory_table()


# --- loops written by hand --------------------------------------------------------------------------------------------


def loops_table() -> Table:
    text = (
        f"{ROWS} images of 8 x 8, T = {DRAWS}, batches of {BATCH}, a network of two convolutions, batch norm and two dense layers "
        "with dropout before each; each framework in a new process, in turn with a loop over draws written by hand in it, on all "
        f"cores; medians of {RUNS}. Plain: each row has masks of its own, as the framework's dropout makes them. Consistent: one "
        "mask a draw, which the loop by hand makes once and keeps for all batches. Compiled: what the loop calls is."
    )
    columns = [
        "framework",
        "draws",
        "alcore ms",
        "fastest – slowest",
        "by hand ms",
        "fastest – slowest",
        "ratio",
        "target",
    ]
    rows = []
    for name, function, environment in FRAMEWORKS:
        others = OtherWork()
        found = in_new_process_of(environment, function)
        for way in ("plain", "consistent"):
            ours, by_hand = found[f"{way} ours"], found[f"{way} by hand"]
            ratio = statistics.median(ours) / statistics.median(by_hand)
            row = [name, way, f"{statistics.median(ours) * 1e3:.0f}", range_text(ours)]
            row += [f"{statistics.median(by_hand) * 1e3:.0f}", range_text(by_hand), f"{ratio:.2f}", f"≤ {LARGEST}"]
            rows.append([*row, yes_no(ratio <= LARGEST), f"{others.cores():.2f} cores"])
    return Table("Adapters against loops by hand", text, [*columns, "reached", "other work meanwhile"], rows)


def in_new_process_of(environment: dict[str, str], function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        return in_new_process(function)
    finally:
        os.environ.clear()
        os.environ.update(before)


def measure(framework: str, adapter: str, options: dict[str, Any], images: Any) -> dict[str, Any]:
    loops = importlib.import_module(f"adapters.loops_{framework}")
    predict = importlib.import_module(adapter).predict
    model = loops.network()
    given = {"draws": DRAWS, "batch_size": BATCH, "kind": "logits", "progress": False, **options}

    def ours(consistent: bool) -> Callable[[], object]:
        return lambda: list(predict(model, images, consistent=consistent, **given))

    sides = {
        "plain ours": clock(ours(False)),
        "plain by hand": clock(lambda: loops.plain(model, images, DRAWS, BATCH)),
        "consistent ours": clock(ours(True)),
        "consistent by hand": clock(lambda: loops.consistent(model, images, DRAWS, BATCH)),
    }
    return turns(sides)


def pixels(shape: tuple[int, ...], rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(0).random((rows, *shape), np.float32)


def time_torch() -> dict[str, Any]:
    import torch

    return measure("torch", "alcore_torch", {}, torch.from_numpy(pixels((1, 8, 8))))


def time_keras() -> dict[str, Any]:
    return measure("keras", "alcore_keras", {}, pixels((8, 8, 1)))


def time_linen() -> dict[str, Any]:
    return measure("linen", "alcore_flax", {}, pixels((8, 8, 1)))


def time_nnx() -> dict[str, Any]:
    return measure("nnx", "alcore_flax", {}, pixels((8, 8, 1)))


FRAMEWORKS: list[tuple[str, Callable[[], dict[str, Any]], dict[str, str]]] = [
    ("PyTorch", time_torch, {}),
    ("Keras, TensorFlow", time_keras, {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}),
    ("Flax Linen, compiled", time_linen, {}),
    ("Flax NNX, compiled", time_nnx, {}),
]


# --- attention, a second prediction, checks ---------------------------------------------------------------------------

TOKENS, WIDTH, SENTENCES, FEW = (512, 1_024), 256, 4, 10
LARGEST_ATTENTION, LARGEST_AGAIN, LARGEST_CHECKS = 1.1, 1.1, 0.03


def attention_table() -> Table:
    text = (
        f"Fused attention with dropout in PyTorch: {SENTENCES} sentences a block, {WIDTH} features, 4 heads, T = {FEW}; a block "
        f"that is not checked, against a loop by hand with the layer in training; medians of {RUNS}."
    )
    found = in_new_process(time_attention)
    rows = []
    for tokens in TOKENS:
        by_hand = statistics.median(found[f"{tokens} by hand"])
        for way in ("plain", "consistent"):
            ours = statistics.median(found[f"{tokens} {way}"])
            row = [str(tokens), way, f"{ours * 1e3:.0f}", f"{by_hand * 1e3:.0f}", f"{ours / by_hand:.2f}"]
            rows.append([*row, f"≤ {LARGEST_ATTENTION}", yes_no(ours / by_hand <= LARGEST_ATTENTION)])
    columns = ["tokens", "draws", "alcore ms", "by hand ms", "ratio", "target", "reached"]
    return Table("Fused attention with dropout", text, columns, rows)


def time_attention() -> dict[str, Any]:
    import alcore_torch
    import torch

    from adapters import loops_torch

    def third_block(model: torch.nn.Module, x: torch.Tensor, consistent: bool) -> Callable[[], float]:
        def timed() -> float:
            blocks = alcore_torch.predict(
                model, [x] * 3, draws=FEW, kind="logits", consistent=consistent, progress=False
            )
            for _ in range(2):
                next(blocks)
            return clock(lambda: next(blocks))()

        return timed

    sides: dict[str, Any] = {}
    for tokens in TOKENS:
        model, x = loops_torch.Attention(WIDTH).eval(), torch.randn(SENTENCES, tokens, WIDTH)
        sides[f"{tokens} by hand"] = clock(partial(loops_torch.attention, model, x, FEW))
        sides |= {f"{tokens} plain": third_block(model, x, False), f"{tokens} consistent": third_block(model, x, True)}
    return turns(sides)


def again_table() -> Table:
    found = in_new_process_of({"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}, time_again)
    text = (
        f"`alcore_keras.predict` of the network of the first table, {ROWS} images, T = {FEW}, on TensorFlow: the first time, and "
        f"again with the same model, against the model's own loop, run as it is; medians of {RUNS}, but for the first time."
    )
    eager = statistics.median(found["by hand"])
    rows = [["first", f"{found['first'] * 1e3:.0f}", f"{found['first'] / eager:.2f}", "", ""]]
    again = statistics.median(found["again"])
    target = f"≤ {LARGEST_AGAIN}"
    rows.append(["again", f"{again * 1e3:.0f}", f"{again / eager:.2f}", target, yes_no(again / eager <= LARGEST_AGAIN)])
    rows.append(["by hand, not compiled", f"{eager * 1e3:.0f}", "", "", ""])
    return Table(
        "A second prediction with the same Keras model", text, ["side", "ms", "over by hand", "target", "reached"], rows
    )


def time_again() -> dict[str, Any]:
    import alcore_keras

    from adapters import loops_keras

    model, images = loops_keras.network(), pixels((8, 8, 1))

    def predict() -> object:
        return list(alcore_keras.predict(model, images, draws=FEW, batch_size=BATCH, kind="logits", progress=False))

    first = clock(predict)()
    sides = {"again": clock(predict), "by hand": clock(lambda: loops_keras.eager(model, images, FEW, BATCH))}
    return {"first": first, **turns(sides)}


def checks_table() -> Table:
    found = in_new_process(count_checks)
    text = (
        "Forward passes of `alcore_torch.predict` that look at the model and at rows in other company, as a part of those that "
        f"make draws: 50 blocks of {BATCH}, counted."
    )
    rows = []
    for draws, (checks, passes) in found.items():
        part = checks / passes
        row = [draws, str(passes), str(checks), f"{part:.1%}", f"≤ {LARGEST_CHECKS:.0%}"]
        rows.append([*row, yes_no(part <= LARGEST_CHECKS)])
    return Table("What the checks of draws cost", text, ["T", "passes", "checks", "part", "target", "reached"], rows)


def count_checks() -> dict[str, Any]:
    import alcore_torch
    import torch

    model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, 3))
    calls: list[int] = []
    model[1].register_forward_hook(lambda *_: calls.append(1))
    found: dict[str, Any] = {}
    for draws in (10, 20, 50, 100):
        calls.clear()
        for _ in alcore_torch.predict(model, torch.randn(50 * BATCH, 4), draws=draws, kind="logits", progress=False):
            pass
        found[str(draws)] = (len(calls) - 50 * draws, 50 * draws)
    return found


# --- Baal -------------------------------------------------------------------------------------------------------------


def baal_table(peer: Peer) -> Table:
    text = (
        "The same network, images, draws and batches in PyTorch: `alcore_torch.predict`, and Baal's `predict_on_dataset`, "
        "each in a process of its own, one after the other; medians of 3. Growth is of the "
        "process's anonymous memory at its peak. The target is to be faster than the faster one in a quarter of its memory."
    )
    found = in_new_process(ours_for_baal)
    rows = [["alcore, plain", f"{found['plain']:.2f}", "", f"{found['grown']:.0f}", "", ""]]
    rows.append(["alcore, consistent", f"{found['consistent']:.2f}", "", f"{found['grown']:.0f}", "", ""])
    for name, replicate in (("Baal, replicate_in_memory=True", True), ("Baal, replicate_in_memory=False", False)):
        with Peer(peer.python) as fresh:  # memory that was let go of would be used again
            theirs = fresh.ask(predict={"rows": ROWS, "draws": DRAWS, "batch": BATCH, "replicate": replicate})
        ratio = theirs["seconds"] / found["plain"]
        reached = ratio > 1 and found["grown"] <= theirs["grown"] / 4
        row = [name, f"{theirs['seconds']:.2f}", f"{ratio:.1f}", f"{theirs['grown']:.0f}"]
        rows.append([*row, "slower, 4 times the memory", yes_no(reached)])
    columns = ["side", "seconds", "over alcore plain", "growth MiB", "target", "reached"]
    return Table("PyTorch adapter against Baal", text, columns, rows)


def ours_for_baal() -> dict[str, Any]:
    import alcore_torch
    import torch

    from adapters import loops_torch

    model, images = loops_torch.network(), torch.from_numpy(pixels((1, 8, 8)))

    def predict(consistent: bool) -> None:
        for _ in alcore_torch.predict(
            model, images, draws=DRAWS, batch_size=BATCH, kind="logits", consistent=consistent, progress=False
        ):
            pass

    next(alcore_torch.predict(model, images, draws=2, batch_size=BATCH, kind="logits", progress=False))
    grown = mebibytes_grown(lambda: predict(False))
    seconds = turns({"plain": clock(lambda: predict(False)), "consistent": clock(lambda: predict(True))}, 3)
    return {"grown": max(grown, 1.0), **{name: statistics.median(found) for name, found in seconds.items()}}


# --- memory -----------------------------------------------------------------------------------------------------------


def memory_table() -> Table:
    found = in_new_process(memory)
    text = (
        f"Anonymous memory of `alcore_torch.predict` over blocks that are let go, T = {DRAWS}, batches of {BATCH}, at its peak "
        "above the start, after a first block. The target is that four times the rows take no more than 8 MiB more."
    )
    rows = [[str(ROWS), f"{found['small']:.1f}", "", ""]]
    reached = yes_no(found["large"] <= found["small"] + 8)
    rows.append([str(LARGE_ROWS), f"{found['large']:.1f}", f"≤ {found['small'] + 8:.1f}", reached])
    return Table("Memory of a stream of predictions", text, ["rows", "growth MiB", "target", "reached"], rows)


def memory() -> dict[str, Any]:
    import alcore_torch
    import torch

    from adapters import loops_torch

    model = loops_torch.network()

    def stream(rows: int) -> None:
        batches = (torch.from_numpy(pixels((1, 8, 8), BATCH)) for _ in range(rows // BATCH))
        for _ in alcore_torch.predict(model, batches, draws=DRAWS, kind="logits", progress=False):
            pass

    stream(BATCH)
    assert anonymous_mib() > 0
    return {"small": mebibytes_grown(lambda: stream(ROWS)), "large": mebibytes_grown(lambda: stream(LARGE_ROWS))}

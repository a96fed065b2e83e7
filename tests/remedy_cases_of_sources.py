"""Refusals of arrays of other layouts and libraries that print code, with that code. `tests.remedies` explains them."""

from __future__ import annotations

from tests.remedies import Case

ELSEWHERE = (
    Case(
        "alcore.bald(maps.transpose(4, 0, 1, 2, 3))",
        "axes='TNCHW'",
        "alcore.bald(maps.transpose(4, 0, 1, 2, 3), {})",
        "bald_of(maps)",
    ),
    Case(
        "alcore.bald(maps.transpose(0, 2, 3, 1, 4))",
        "axes='NHWCT'",
        "alcore.bald(maps.transpose(0, 2, 3, 1, 4), {})",
        "bald_of(maps)",
    ),
    Case(
        "alcore.bald(logits.transpose(2, 0, 1))",
        "axes='TNC'",
        "alcore.bald(logits.transpose(2, 0, 1), kind='logits', {})",
        "bald_of(softmax_of(logits))",
    ),
    Case(
        "alcore.bald(logits.transpose(0, 2, 1))",
        "axes='NTC'",
        "alcore.bald(logits.transpose(0, 2, 1), kind='logits', {})",
        "bald_of(softmax_of(logits))",
    ),
    Case(
        "alcore.bald(abs(logits.transpose(2, 0, 1)) + 1)",
        "axes='TNC'",
        "alcore.bald(abs(logits.transpose(2, 0, 1)) + 1, kind='logits', {})",
        "bald_of(softmax_of(abs(logits) + 1))",
    ),
)
HALF = "alcore.SharedStore('half.zarr')"  # rows 0 to 7 of 12 are there
WHOLE = "filled({}, (0, 12))"
SHARED = (
    Case("alcore.bald('half.zarr')", "alcore.SharedStore('half.zarr').missing", "{}", "[[8, 12]]"),
    Case(
        "alcore.bald('half.zarr')",
        "alcore.open_predictions('half.zarr')[0:8]",
        "alcore.bald({})",
        "bald_of(probs[:8])",
    ),
    Case(
        "alcore.SharedStore('new.zarr')",
        "alcore.SharedStore('new.zarr', rows=len(data))",
        "filled({}, (0, 12))",
        "probs",
        {"data": "probs"},
    ),
    Case(
        "alcore.SharedStore('new', rows=12)", "'new.zarr'", "filled(alcore.SharedStore({}, rows=12), (0, 12))", "probs"
    ),
    Case(
        "alcore.SharedStore('half.zarr', rows=24)",
        "rows=12",
        "alcore.SharedStore('half.zarr', {}).missing",
        "[[8, 12]]",
    ),
    Case(
        "alcore.SharedStore('new.zarr', rows=12, classes=[0, 1])",
        "classes=[str(one) for one in range(10)]",
        "np.array(alcore.SharedStore('new.zarr', rows=12, {}).classes).astype(int)",
        "np.arange(10)",
    ),
    *(
        Case(
            f"filled(store, {rows})",
            "store.ranges(4)",
            "np.concatenate([filled(store, rows) for rows in {}])",
            "probs",
            {"store": "alcore.SharedStore('four.zarr', rows=12, chunk=4)"},
        )
        for rows in ("(0, 6)", "'all'")
    ),
    Case(f"filled({HALF}, (4, 12))", "rows=(8, 12)", f"filled({HALF}, **dict({{}}))", "probs[8:]"),
    Case(
        "filled(alcore.SharedStore('two.zarr', rows=12), (0, 12), data[:9])",
        "data[0:12]",
        "filled(alcore.SharedStore('three.zarr', rows=12), (0, 12), {})",
        "probs",
        {"data": "probs"},
    ),
    Case(f"filled({HALF}, (8, 12), seed=1)", "seed=0", f"filled({HALF}, (8, 12), {{}})", "probs[8:]"),
)
CASES_OF_SOURCES = (*ELSEWHERE, *SHARED)

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
CASES_OF_SOURCES = (*ELSEWHERE,)

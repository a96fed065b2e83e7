"""A request refuses what no adapter can do, and gives every draw, block and place a seed of its own."""

from __future__ import annotations

import itertools

import pytest

from alcore import adapting
from alcore.adapting import Request


def test_a_request_refuses_what_no_adapter_can_do() -> None:
    for options, said in (
        ({"draws": 0}, "draws"),
        ({"kind": "odds"}, "kind"),
        ({"dtype": "int8"}, "dtype.*float16, float32, float64.*int8"),
    ):
        with pytest.raises(ValueError, match=said):
            Request(**{"draws": 2, **options})  # type: ignore[arg-type]
    for options, said in (
        ({"seed": 0.5}, "seed"),
        ({"consistent": 1}, "consistent"),
        ({"class_axis": 0.5}, "class_axis"),
        ({"draw_axis": 0.5}, "draw_axis"),
        ({"draw_axis": "first"}, "draw_axis.*'draws-first' or 'rows-first'"),
    ):
        with pytest.raises((TypeError, ValueError), match=said):
            Request(2, **options)  # type: ignore[arg-type]


def test_seeds_differ_by_draw_and_without_consistent_draws_by_block() -> None:
    consistent, plain = Request(4, seed=1), Request(4, consistent=False, seed=1)
    assert consistent.seed_of(2, 0) == consistent.seed_of(2, 7)
    seeds = [plain.seed_of(draw, block) for draw in range(30) for block in range(30)]
    assert len(set(seeds)) == 900
    assert Request(4, seed=1, first=2).seed_of(0, 0) == consistent.seed_of(2, 0)
    numbers = [adapting.mix(*parts) for parts in itertools.product(range(8), repeat=3)]
    assert len(set(numbers)) == 512
    assert all(0 <= number < 1 << 63 for number in numbers)
    assert adapting.mix(1, 2) != adapting.mix(2, 1) != adapting.mix(1)

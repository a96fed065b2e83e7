"""NumPy's global generator is lent seeded, and comes back as it was."""

# ruff: noqa: NPY002 - the global generator is what is tested

from __future__ import annotations

import random
import threading

import numpy as np
import pytest

from alcore.adapting import GlobalNumbers, generators


@pytest.mark.parametrize("kind", [np.random.MT19937, np.random.PCG64])
def test_the_generator_is_seeded_and_comes_back(kind: type) -> None:
    """Though a number for later was kept; whichever generator it is; giving back twice is no harm."""
    before, numbers = np.random.get_bit_generator(), np.random.get_state(legacy=False)
    try:
        np.random.set_bit_generator(kind(3))
        np.random.standard_normal()  # keeps one more of a pair
        state = np.random.get_state(legacy=False)
        expected = np.random.standard_normal(3)
        np.random.set_state(state)
        lent, drawn = GlobalNumbers(), []
        for seed in (5, 6, 5 + 2**40):
            lent.lend(seed)
            drawn.append(np.random.standard_normal())
        assert len(set(drawn)) == 2
        lent.give_back()
        lent.give_back()
        assert np.random.standard_normal(3).tolist() == expected.tolist()
    finally:
        np.random.set_bit_generator(before)
        np.random.set_state(numbers)


def test_what_other_threads_draw_is_not_seen() -> None:
    """As in a worker of Dask. Afterwards the functions are those of before, and the thread of the model draws as ever."""
    ended, drawn, before = threading.Event(), list[float](), {name: getattr(random, name) for name in random.__all__}

    def other() -> None:
        while not ended.is_set():
            drawn.append(random.random())
            random.sample(range(20), 3)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        with generators.global_generators_kept():
            count = len(drawn)
            while len(drawn) < count + 2:  # what it was drawing when the context began
                pass
            random.seed(3)
            state = generators.generator_states()
            count = len(drawn)
            while len(drawn) < count + 50:
                assert generators.generator_states() == state
            assert random.random() == random.Random(3).random()
            with generators.global_generators_kept():
                random.random()
            assert generators.generator_states() != state
    finally:
        ended.set()
        thread.join()
    assert {name: getattr(random, name) for name in random.__all__} == before


def test_a_context_may_end_while_another_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the collector ends a stream of predictions that nobody reads any more."""
    before, replace = {name: getattr(random, name) for name in random.__all__}, generators._OTHERS._replace
    abandoned = generators.global_generators_kept()
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    abandoned.__enter__()
    ended = []

    def replace_when_the_other_has_ended() -> None:
        ended.append(abandoned.__exit__(None, None, None))
        replace()

    monkeypatch.setattr(threading, "active_count", lambda: 2)
    monkeypatch.setattr(generators._OTHERS, "_replace", replace_when_the_other_has_ended)
    with generators.global_generators_kept():
        assert ended
        assert random.random is not before["random"]
    assert {name: getattr(random, name) for name in random.__all__} == before

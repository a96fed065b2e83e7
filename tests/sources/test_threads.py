"""The pool of threads: order, errors, forks, several callers, and processors left as they were."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import alcore
from alcore.sources import reading, threads
from tests.cases import dirichlet

POOL = dirichlet(97, 4, 6, seed=21).astype(np.float32)


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_are_at_least_one(threads: int) -> None:
    with pytest.raises(ValueError, match="threads: expected at least"):
        alcore.set_threads(threads)


def test_threads_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALCORE_THREADS", "3")
    assert alcore.get_threads() == 3
    monkeypatch.setenv("ALCORE_THREADS", "many")
    assert alcore.get_threads() == len(os.sched_getaffinity(0))


def test_no_more_threads_work_at_once_than_there_are_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "A_PROCESSOR", 1)
    monkeypatch.setattr(threads, "_processors", lambda: 2)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1)
    expected = alcore.bald(POOL)
    monkeypatch.setattr(threads, "_pools", {})
    alcore.set_threads(16)
    assert (alcore.get_threads(), threads.at_once()) == (16, 2)
    np.testing.assert_array_equal(alcore.bald([POOL[:30], POOL[30:]]), expected)
    done: list[tuple[int, int]] = []
    threads.in_parts(40, lambda start, stop: done.append((start, stop)))
    assert sorted(done) == [(0, 20), (20, 40)]
    assert set(threads._pools) == {1}  # the caller is the other one
    alcore.set_threads(1)
    assert threads.at_once() == 1


def test_blocks_are_pulled_in_the_callers_thread() -> None:
    seen = set()

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, 97, 5):
            seen.add(threading.current_thread())
            yield POOL[start : start + 5]

    alcore.set_threads(4)
    alcore.bald(blocks())
    assert seen == {threading.current_thread()}


def test_a_function_that_calls_alcore_from_a_worker_does_not_wait_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = dirichlet(40, 3, 5, seed=3).reshape(8, 5, 3, 5).transpose(0, 2, 1, 3)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1)
    alcore.set_threads(2)

    def inner(scores: np.ndarray) -> float:
        return float(alcore.bald(POOL).max() + scores.sum())

    expected = alcore.bald(maps).sum(axis=1) + alcore.bald(POOL).max()
    np.testing.assert_allclose(alcore.Reduce(alcore.BALD(), inner).score(maps), expected)


def test_several_callers_at_once_get_the_same_bits() -> None:
    expected = alcore.bald(POOL)
    wrong: list[int] = []

    def call(number: int) -> None:
        for _ in range(20):
            if not np.array_equal(alcore.bald(POOL), expected):
                wrong.append(number)

    callers = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []


def score_in_child(expected: np.ndarray) -> bool:
    return bool(np.array_equal(alcore.bald([POOL[:40], POOL[40:]]), expected))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_scores_are_the_same_bits_after_a_fork() -> None:
    expected = alcore.bald([POOL[:40], POOL[40:]])
    with multiprocessing.get_context("fork").Pool(2) as processes:
        assert processes.map(score_in_child, [expected] * 4) == [True] * 4


def test_a_pool_may_be_resized_while_others_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1)
    expected = alcore.bald(POOL)
    wrong: list[BaseException] = []

    def call() -> None:
        try:
            for _ in range(30):
                np.testing.assert_array_equal(alcore.bald(POOL), expected)
        except BaseException as error:
            wrong.append(error)

    callers = [threading.Thread(target=call) for _ in range(2)]
    for caller in callers:
        caller.start()
    for number in range(60):
        alcore.set_threads(1 + number % 4)
    for caller in callers:
        caller.join()
    assert wrong == []


on_linux = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="only Linux lets a thread name its processors"
)


@on_linux
def test_processors_are_left_as_they_were() -> None:
    allowed = os.sched_getaffinity(0)
    seen = list(threads.map_in_order(lambda item: (item, os.sched_getaffinity(0)), iter(range(20))))
    assert [item for item, _ in seen] == list(range(20))
    assert os.sched_getaffinity(0) == allowed

    def failing(item: int) -> int:
        raise KeyError(item)

    with pytest.raises(KeyError, match="0"):
        list(threads.map_in_order(failing, iter(range(20))))
    assert os.sched_getaffinity(0) == allowed
    pool, workers = threads._pool(max(1, alcore.get_threads() - 1))
    assert pool.submit(os.sched_getaffinity, 0).result() == allowed
    assert all(os.sched_getaffinity(worker) == allowed for worker in workers)


@on_linux
def test_a_callers_own_choice_of_processors_is_kept() -> None:
    allowed = os.sched_getaffinity(0)
    maps = dirichlet(40, 3, 5, seed=3).reshape(8, 5, 3, 5).transpose(0, 2, 1, 3)
    alcore.set_threads(2)
    alcore.bald([POOL[:30], POOL[30:]])
    os.sched_setaffinity(0, {min(allowed)})
    try:
        alcore.Reduce(alcore.BALD(), np.median).score([maps[:3], maps[3:]])
        assert os.sched_getaffinity(0) == {min(allowed)}
    finally:
        os.sched_setaffinity(0, allowed)


@on_linux
def test_processors_that_may_not_be_named_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(pid: int, processors: set[int]) -> None:
        raise PermissionError("not in this sandbox")

    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    alcore.set_threads(2)
    np.testing.assert_array_equal(alcore.bald([POOL[:30], POOL[30:]]), alcore.bald(POOL))


def test_systems_that_have_no_affinity_score_too(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = alcore.bald(POOL)
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert alcore.get_threads() == os.cpu_count()
    np.testing.assert_array_equal(alcore.bald([POOL[:30], POOL[30:]]), expected)


def test_results_keep_the_order_of_items_and_few_are_held() -> None:
    pulled = []

    def items() -> Iterator[int]:
        for item in range(50):
            pulled.append(item)
            yield item

    alcore.set_threads(3)
    for done, result in enumerate(threads.map_in_order(lambda item: item * item, items())):
        assert result == done * done
        assert len(pulled) <= done + 2 * 3 + 1


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_interrupt_in_any_thread_reaches_the_caller(interrupt: type[BaseException], number: int) -> None:
    def work(item: int) -> int:
        if item >= 3:
            raise interrupt
        return item

    alcore.set_threads(number)
    with pytest.raises(interrupt):
        list(threads.map_in_order(work, iter(range(20))))
    np.testing.assert_array_equal(alcore.bald([POOL[:30], POOL[30:]]), alcore.bald(POOL))


@on_linux
def test_what_a_users_function_starts_may_use_every_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = dirichlet(40, 3, 5, seed=3).reshape(8, 5, 3, 5).transpose(0, 2, 1, 3)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1)
    alcore.set_threads(2)
    seen = []

    def how(scores: np.ndarray) -> float:
        seen.append(os.sched_getaffinity(0))
        return float(scores.sum())

    alcore.Reduce(alcore.BALD(), how).score(maps)
    assert seen == [os.sched_getaffinity(0)] * 8


def test_blocks_shrink_where_many_threads_hold_them() -> None:
    row = np.zeros((1, 10, 100), np.float32)
    alcore.set_threads(1)
    few = reading.open_source([row]).step
    alcore.set_threads(64)
    assert reading.open_source([row]).step * 64 * row.nbytes <= reading.IN_FLIGHT_BYTES < few * 64 * row.nbytes

"""Memory that is used again: by the next chunk, by nobody at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.sources import blocks, spaces
from alcore.sources.blocks import Block
from alcore.sources.spaces import Spaces, spaces_of_thread


def test_the_next_array_of_a_name_takes_the_memory_of_the_one_before() -> None:
    space = Spaces()
    first = space("one", (10, 20), np.float64)
    assert space("one", (40, 10), np.float32).ctypes.data == first.ctypes.data
    assert not np.shares_memory(space("two", (10, 20), np.float64), first)
    assert space("one", (1000, 20), np.float64).shape == (1000, 20)


def test_a_pass_within_a_pass_has_others() -> None:
    with spaces_of_thread() as outer, spaces_of_thread() as inner:
        assert not np.shares_memory(outer("one", (100,), np.float32), inner("one", (100,), np.float32))


def test_threads_share_none() -> None:
    found: list[int] = []

    def work() -> None:
        with spaces_of_thread() as space:
            found.append(space("one", (100,), np.float32).ctypes.data)

    with spaces_of_thread() as space:
        own = space("one", (100,), np.float32).ctypes.data
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found != [own]


@pytest.fixture
def _new_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces, "_thread", threading.local())


@pytest.mark.usefixtures("_new_thread")
def test_a_thread_keeps_a_few_mebibytes() -> None:
    with spaces_of_thread() as space:
        space("one", (spaces.MOST,), np.uint8)
    with spaces_of_thread() as again:
        assert again is space
        again("two", (1,), np.uint8)
    with spaces_of_thread() as another:
        assert another is not space


@pytest.mark.usefixtures("_new_thread")
def test_a_measure_that_fails_leaves_the_space_to_the_next() -> None:
    held = list[Spaces]()
    with suppress(ZeroDivisionError), spaces_of_thread() as space:
        held.append(space)
        raise ZeroDivisionError
    with spaces_of_thread() as again:
        assert again is held[0]


@pytest.mark.parametrize("kind", ["probs", "logits"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_chunks_that_share_memory_give_the_scores_of_one(
    kind: alcore.Kind, dtype: type[np.floating], monkeypatch: pytest.MonkeyPatch
) -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(5), (300, 40)).transpose(0, 2, 1)
    given = (np.log(probs) if kind == "logits" else probs).astype(dtype).transpose(2, 0, 1)
    whole = alcore.mean_std(given, kind=kind, axes="TNC")
    monkeypatch.setattr(blocks, "CHUNK_BYTES", 7000)
    assert (alcore.mean_std(given, kind=kind, axes="TNC") == whole).all()


READERS: dict[str, Callable[[np.ndarray], Any]] = {
    "bald": lambda given: alcore.bald(given, axes="TNC"),
    "epig": lambda given: alcore.epig(given, given[:, :9], axes="TNC"),
    "batchbald": lambda given: alcore.batchbald(given, k=5, axes="TNC", rng=0).information,
    "two_bald": lambda given: alcore.two_bald(given, k=5, axes="TNC").information,
    "ical": lambda given: alcore.ical(given, k=5, axes="TNC", rng=0).scores,
    "batch_epig": lambda given: alcore.batch_epig(given, given[:, :9], k=3, axes="TNC", rng=0).information,
    "expected_loss": lambda given: alcore.expected_loss(given, axes="TNC"),
    "score_error": lambda given: alcore.score_error(given, axes="TNC"),
}


@pytest.mark.parametrize("name", READERS)
def test_nothing_reads_cells_after_its_turn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = np.random.default_rng(0).dirichlet(np.ones(5), (40, 200)).astype(np.float32)
    whole = READERS[name](given)
    score_chunk = Block._score_chunk

    def spoil_after(self: Block, *arguments: Any) -> Any:
        found = score_chunk(self, *arguments)
        for held in arguments[-1].held:
            held[:] = 255  # NaN
        return found

    monkeypatch.setattr(Block, "_score_chunk", spoil_after)
    monkeypatch.setattr(blocks, "CHUNK_BYTES", 7000)
    assert np.array_equal(READERS[name](given), whole)

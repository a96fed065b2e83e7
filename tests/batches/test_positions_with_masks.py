"""BatchBALD of maps and sequences with padding: a padded cell tells nothing, whatever it holds."""

from __future__ import annotations

import numpy as np
import pytest

import alcore
from tests.batches.test_positions import MAPS, C, N, T, greedy

RNG = np.random.default_rng(8)
LABELS = RNG.integers(0, C, (N, 4, 5)).astype(np.uint8)
LABELS[RNG.random(LABELS.shape) < 0.4] = 255
LABELS[:, 1, 2] = 255
PADDING = LABELS == 255
HIDDEN = np.where(PADDING[:, None, :, :, None], np.nan, MAPS)  # padding holds no number


def certain() -> np.ndarray:
    """The same maps, where padding is written out as a label that every draw knows."""
    known = np.eye(C)[0][None, :, None, None, None]
    return np.where(PADDING[:, None, :, :, None], known, MAPS)


def test_padding_tells_nothing() -> None:
    """Against every label configuration written out, at the positions where a row has a cell."""
    cells = certain().reshape(N, C, 20, T)[:, :, ~PADDING.reshape(N, 20).all(axis=0)]
    assert cells.shape[2] == 19
    picks, gains = greedy(cells, 3)
    for options in ({"mask": PADDING}, {"mask": LABELS, "ignore_index": 255}):
        batch = alcore.BatchBALD(positions=20, exact=10**6).select(HIDDEN, 3, rng=0, **options)  # type: ignore[arg-type]
        assert batch.indices.tolist() == picks
        np.testing.assert_allclose(batch.scores, gains, atol=1e-6)


def test_kinds_axes_and_blocks_pick_the_same() -> None:
    own = {"mask": PADDING, "positions": 7, "rng": 4}
    expected = alcore.batchbald(HIDDEN, 4, **own).indices  # type: ignore[arg-type]
    blocks = iter([HIDDEN[:3], HIDDEN[3:9], HIDDEN[9:]])
    np.testing.assert_array_equal(alcore.batchbald(blocks, 4, **own).indices, expected)  # type: ignore[arg-type]
    laid = np.ascontiguousarray(HIDDEN.transpose(4, 0, 2, 3, 1))
    np.testing.assert_array_equal(alcore.batchbald(laid, 4, axes="TNHWC", **own).indices, expected)  # type: ignore[arg-type]
    logits = np.log(HIDDEN) - 2
    np.testing.assert_array_equal(alcore.batchbald(logits, 4, kind="logits", **own).indices, expected)  # type: ignore[arg-type]
    yes = HIDDEN[:, :1]
    two = np.concatenate([1 - yes, yes], axis=1)
    found = alcore.batchbald(yes, 4, kind="binary", **own)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.indices, alcore.batchbald(two, 4, **own).indices)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
def test_a_row_that_the_mask_hides_gains_nothing() -> None:
    padding = PADDING.copy()
    padding[5] = True
    batch = alcore.batchbald(HIDDEN, N, mask=padding, positions=20, fill="stop", rng=0)
    assert 5 not in batch.indices.tolist()
    full = alcore.batchbald(HIDDEN, N, mask=padding, positions=20, fill="bald", rng=0)
    assert full.indices.tolist()[-1] == 5
    assert full.scores[-1] == 0


def test_masks_without_positions_or_cells_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"mask: batchbald compares rows without event axes .* BatchBALD\(positions=16\)"
    ):
        alcore.batchbald(MAPS, 2, mask=PADDING)
    with pytest.raises(ValueError, match="mask: two-bald compares rows without event axes .* Leave mask out"):
        alcore.TwoBALD().select(MAPS, 2, mask=PADDING)
    with pytest.raises(ValueError, match="got only padding. True marks padding: pass mask=~mask"):
        alcore.batchbald(MAPS, 2, mask=np.ones_like(PADDING), positions=3)
    with pytest.raises(ValueError, match=r"mask: expected shape \(14, 4, 5\)"):
        alcore.batchbald(MAPS, 2, mask=PADDING[:3], positions=3)
    with pytest.raises(ValueError, match="is nan"):
        alcore.batchbald(HIDDEN, 2, positions=20)

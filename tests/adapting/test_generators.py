"""NumPy's global generator is lent seeded, and comes back as it was."""

# ruff: noqa: NPY002 - the global generator is what is tested

from __future__ import annotations

import numpy as np
import pytest

from alcore.adapting import GlobalNumbers


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

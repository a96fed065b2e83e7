"""One pair for everything that is sampled: information of batches, risk."""

from __future__ import annotations

import numpy as np

import alcore


def test_every_sampled_number_comes_as_the_same_pair() -> None:
    found = [
        alcore.joint_entropy(np.full((2, 2, 3), 0.5)),
        alcore.lure([0.5, 0.1], [0.3, 0.2], 5),
        alcore.pure([0.5, 0.1], [0.3, 0.2], 5),
    ]
    for one in found:
        assert type(one) is alcore.Estimate
        assert one == (one.value, one.standard_error)
        assert type(one.value) is type(one.standard_error) is float

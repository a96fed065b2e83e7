"""Labels of configurations: those that have no probability are never drawn."""

from __future__ import annotations

import numpy as np
import pytest

from alcore.kernels.configurations import draw_labels


@pytest.mark.interpreted
def test_a_label_of_probability_0_is_never_drawn_even_where_rounding_reaches_the_whole_sum() -> None:
    cumulative_tc = np.cumsum([[0.0, 0.5, 0.0, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]], axis=1)
    owner, uniform = np.array([0, 0, 0, 0, 1, 1]), np.array([0.0, 0.49, 0.5, 1.0, 0.0, 1.0])
    labels = np.empty(6, np.int64)
    draw_labels(cumulative_tc, owner, uniform, labels)
    assert labels.tolist() == [1, 1, 3, 3, 0, 0]

"""How far two predictions agree beyond chance: Cohen's κ."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore import door


def kappa(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Cohen's κ = (p_o − p_e) / (1 − p_e): how far two predictions agree beyond chance.

    p_o is the share of entries where they agree, p_e = Σ_c a_c·b_c the share expected of independent predictions with the
    same shares of classes. Where both predict one and the same class alone, 0/0, it is defined as 1: they agree everywhere.

    Args:
        one, other: (N, ...) classes as whole numbers, of equal shape, at least one.

    Returns: float, −1 … 1, no unit; 0 for agreement by chance. Cost O(N log N).
    Raises: TypeError for what are no whole numbers; ValueError for different shapes or no entries.

    >>> from alcore.stopping import kappa
    >>> kappa([0, 0, 1, 1], [0, 0, 1, 0]), kappa([3, 3], [3, 3])
    (0.5, 1.0)
    """
    first, second = door.as_classes(one, "one"), door.as_classes(other, "other")
    if first.shape != second.shape:
        raise ValueError(f"other: expected the shape {first.shape} of one, got {second.shape}.")
    return cohen_kappa(first, second)


def cohen_kappa(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> float:
    """κ of classes that are checked already, of equal shape."""
    classes, places = np.unique(np.concatenate((one, other), axis=None), return_inverse=True)
    first, second = np.split(places, 2)
    counts = [np.bincount(part, minlength=len(classes)) for part in (first, second)]
    # integers up to the one division: κ = 3/4 must not fall under a threshold of 0.75 by rounding
    agreed = one.size * int(np.count_nonzero(first == second))
    chance = int(counts[0] @ counts[1])
    return 1.0 if chance == one.size**2 else (agreed - chance) / (one.size**2 - chance)

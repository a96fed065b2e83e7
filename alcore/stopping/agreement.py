"""How far two predictions agree beyond chance: Cohen's κ."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore import door


def kappa(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Cohen's κ = (p_o − p_e) / (1 − p_e): how much two predictions agree beyond chance (Cohen 1960).

    p_o is the share of entries where they agree. p_e = Σ_c a_c·b_c is the share that independent predictions would have, where
    a_c and b_c are the shares of class c in the two. If both predict only one class, and the same, κ would be 0/0. It is
    defined as 1 then, because they agree everywhere.

    Args:
        one: (N, ...) classes as whole numbers, N ≥ 1.
        other: (N, ...) classes as whole numbers, of the same shape.

    Returns:
        κ as a float, −1 … 1, no unit. 0 is agreement by chance. Cost O(N log N).

    Raises:
        TypeError: if the classes are not whole numbers.
        ValueError: if the shapes differ, or there are no entries.

    >>> from alcore.stopping import kappa
    >>> kappa([0, 0, 1, 1], [0, 0, 1, 0]), kappa([3, 3], [3, 3])
    (0.5, 1.0)
    """
    first, second = door.as_classes(one, "one"), door.as_classes(other, "other")
    if first.shape != second.shape:
        raise ValueError(
            f"other: expected the shape {first.shape} of one, got {second.shape}. Pass the same rows twice."
        )
    return cohen_kappa(first, second)


def cohen_kappa(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> float:
    """κ of classes that were checked and have equal shapes."""
    classes, places = np.unique(np.concatenate((one, other), axis=None), return_inverse=True)
    first, second = np.split(places, 2)
    counts = [np.bincount(part, minlength=len(classes)) for part in (first, second)]
    # integers up to the one division: κ = 3/4 must not fall under a threshold of 0.75 by rounding
    agreed = one.size * int(np.count_nonzero(first == second))
    chance = int(counts[0] @ counts[1])
    return 1.0 if chance == one.size**2 else (agreed - chance) / (one.size**2 - chance)

"""What a model was fitted to is told apart from its seeds and its settings, whatever it holds."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from alcore.adapting import fitted_state

TABLE = np.dtype([("a", "u1"), ("b", "f8")], align=True)


class Model:
    """Its settings are what ``get_params`` names."""

    def __init__(self, depth: int = 3, random_state: Any = None, **fitted: Any) -> None:
        self.depth, self.random_state = depth, random_state
        vars(self).update(fitted)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"depth": self.depth, "random_state": self.random_state}


class Closed:
    """Cannot be copied."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError


class Named:
    """Is copied by its name, as functions of a module are."""

    def __reduce_ex__(self, protocol: Any) -> str:
        return "Named"


class Trees:
    """Gives its trees without its settings; copies hold both."""

    def __init__(self, trees: int, seed: int) -> None:
        self.trees, self.seed = trees, seed


class Raw(Trees):
    def save_raw(self) -> bytearray:
        return bytearray([self.trees])


class Dumped(Trees):
    def dump_model(self) -> dict[str, int]:
        return {"trees": self.trees}


def state(model: Any) -> tuple[bytes, bytes]:
    return fitted_state(model, lambda one: getattr(one, "wrapped", None))


def table(padding: int) -> np.ndarray:
    """Two rows whose bytes between fields are of no meaning."""
    held = np.full(2 * TABLE.itemsize, padding, np.uint8).view(TABLE)
    held["a"], held["b"] = [1, 2], [0.5, np.nan]
    return held


def holding(value: Any) -> list[Any]:
    """The same in each kind of thing that holds it."""
    return [
        Model(coef_=value),
        Model(coef_=[value]),
        Model(coef_=(value,)),
        Model(coef_={"a": value}),
        Model(coef_=SimpleNamespace(inner=value)),
        Model(coef_=np.array([value, None], dtype=object)),
        Model(steps_=Model(coef_=value)),
        Model(depth=Model(coef_=value)),
        SimpleNamespace(wrapped=Model(coef_=value)),
    ]


PAIRS = [
    (1, 2),
    (1, 1.0),
    (1, True),
    ("a", "b"),
    (np.arange(3.0), np.arange(3.0) + 1e-16),
    (np.arange(3), np.arange(3.0)),
    (np.zeros((2, 3)), np.zeros((3, 2))),
    (csr_matrix(np.eye(2)), csr_matrix(2 * np.eye(2))),
    ({1, 2}, {1, 3}),
    (frozenset("ab"), frozenset("ac")),
    (Raw(1, 0), Raw(2, 0)),
    (Dumped(1, 0), Dumped(2, 0)),
    (int, float),
    (np.float64(0.1), np.float64(0.2)),
]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[f"{place}" for place in range(len(PAIRS))])
def test_what_is_fitted_tells_models_apart(one: Any, other: Any) -> None:
    """Wherever it is held; equal values that are other objects do not."""
    for first, again, second in zip(holding(one), holding(deepcopy(one)), holding(other), strict=True):
        assert state(first) == state(again)
        assert state(first)[0] != state(second)[0]


def test_seeds_and_generators_are_not_what_was_fitted() -> None:
    """By the names that they have, where they are whole numbers; a number of another kind counts whatever its name."""
    for seeds in (
        {"random_state": 1},
        {"_random_seed": np.uint64(7)},
        {"_seeds": np.arange(3)},
        {"_rng": np.random.default_rng(1)},
    ):
        assert state(Model(**seeds, coef_=1)) == state(Model(**dict.fromkeys(seeds), coef_=1))
    assert state(Model(random_state=np.random.RandomState(1))) == state(Model(random_state=np.random.RandomState(2)))
    assert state(Model(seed_weights_=np.ones(2)))[0] != state(Model(seed_weights_=np.zeros(2)))[0]


def test_settings_and_what_cannot_be_read_leave_it_open() -> None:
    """A setting, a model as another library keeps it, an object that cannot be copied: it is equal to itself alone."""
    closed = Closed()
    for one, other in (
        (Model(depth=1), Model(depth=2)),
        (Model(_m=b"1"), Model(_m=b"2")),
        (Model(m=Closed()), Model(m=closed)),
    ):
        assert state(one)[0] == state(other)[0]
        assert state(one)[1] != state(other)[1]
    assert state(Model(m=closed)) == state(Model(m=closed))
    assert state(Model(m=Named())) == state(Model(m=Named()))


def test_trees_count_without_the_seeds_beside_them() -> None:
    """Of boosters that give them alone."""
    for kind in (Raw, Dumped):
        assert state(Model(m=kind(1, 0))) == state(Model(m=kind(1, 9)))


def test_bytes_between_fields_and_circles_are_passed_over() -> None:
    """A model that holds itself ends."""
    assert table(0).tobytes() != table(255).tobytes()
    assert state(Model(nodes=table(0))) == state(Model(nodes=table(255)))
    circle, other = Model(coef_=1), Model(coef_=1)
    circle.itself, other.itself = circle, other
    assert state(circle) == state(other)

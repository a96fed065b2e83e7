from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from tests.soak.laws import Counts


@pytest.fixture
def counts(record_property: Callable[[str, object], None]) -> Iterator[Counts]:
    """What became of the inputs of a fuzzer, written into the report of the run (--junitxml)."""
    found = Counts()
    yield found
    for name, number in asdict(found).items():
        record_property(name, number)

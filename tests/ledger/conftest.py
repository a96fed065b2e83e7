from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alcore import Ledger
from tests.ledger.examples import N


@pytest.fixture(params=["memory", "file"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(N) if request.param == "memory" else Ledger.open(tmp_path / "run.db", N) as ledger:
        yield ledger

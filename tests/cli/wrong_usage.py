"""What every command says to arguments that it does not have."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any


def assert_wrong_usage(call: Callable[[], Any]) -> None:
    """Exit code 2, one line that names the help, and no file."""
    before = sorted(os.listdir())
    result = call()
    assert result.exit_code == 2
    assert re.fullmatch(r"error: .+ See alcore( [\w-]+)* --help\.\n", result.stderr)
    assert "Traceback" not in result.output
    assert sorted(os.listdir()) == before

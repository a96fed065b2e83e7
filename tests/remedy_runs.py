"""Runs what refusals print: each folder's remedies are cases, and every text of the folder with code has one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

import alcore
from tests.remedies import Case, Text


def refused(case: Case, names: dict[str, Any]) -> str:
    """What the call of a case says."""
    for name, value in case.given.items():
        if name not in ("remedy", "call") and not name.startswith("remedied "):
            names[name] = eval(value, names)
    call = case.given.get("call", case.call)
    with warnings.catch_warnings():
        warnings.simplefilter("error", alcore.ChunkWarning)
        warnings.simplefilter("error", alcore.SaturationWarning)
        with pytest.raises((ValueError, TypeError, UserWarning)) as caught:
            eval(call, names)
    return str(caught.value)


def value_of(code: str, names: dict[str, Any]) -> Any:
    """Of the last of several statements."""
    *before, last = code.split("; ")
    exec("; ".join(before), names)
    return eval(last, names)


def check_remedy(case: Case, names: dict[str, Any]) -> str:
    """Refuse the call of a case, run the remedy that the refusal prints, and compare with the definition. Gives what it said."""
    said = refused(case, names)
    found = re.search(case.given.get("remedy", re.escape(case.remedy)), said)
    assert found is not None, said
    for name, value in case.given.items():
        if name.startswith("remedied "):
            names[name.removeprefix("remedied ")] = eval(value, names)
    remedy = found[0]
    if "; " in remedy:
        names["p_"] = value_of(remedy, names)
        remedy = "p_"
    np.testing.assert_allclose(eval(case.use.format(remedy), names), eval(case.equals, names), rtol=1e-5, atol=1e-9)
    return said


def missing(texts: Sequence[Text], not_run: Iterable[str], said: Sequence[str]) -> list[str]:
    """The texts with code that nothing ``said`` has."""
    reasons = list(not_run)
    return [
        f"{text.file}: {text.words}"
        for text in texts
        if not any(part in text.words for part in reasons) and not any(text.pattern.search(one) for one in said)
    ]

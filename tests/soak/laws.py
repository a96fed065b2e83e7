"""What every fuzzed call is held to: a refusal in one sentence that names the argument, or the answer that the definition gives."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import soak

LONGEST = 700  # characters of a refusal: whole arrays are not printed
PARTS = soak(1, 4)  # so that several processes share the inputs of one door
each_part = pytest.mark.parametrize("part", range(PARTS))


def numbers(part: int, large: int = 100_000, small: int = 200) -> range:
    """Which inputs a part tries: ``small`` of them in `make test`, ``large`` in `make soak`, all parts together."""
    each = soak(small, large) // PARTS
    return range(part * each, (part + 1) * each)


@dataclass
class Counts:
    """What became of the inputs of a fuzzer."""

    inputs: int = 0
    refused: int = 0
    answered: int = 0  # and compared with the definition
    known_faults: int = 0


@dataclass(frozen=True)
class Trial:
    """One call with arguments that may be wrong.

    Attributes:
        call: makes it.
        arguments: by name, as they are passed: a refusal begins with such a name, and none of them is written to.
        compare: asserts that an answer is what the definition gives.
        right: True where nothing is wrong, so that it has to be answered; False where it means nothing, so that it has to be
            refused; None where both are right.
        names: what else a refusal may begin with.
    """

    call: Callable[[], Any]
    arguments: Mapping[str, Any]
    compare: Callable[[Any], None]
    right: bool | None
    names: tuple[str, ...] = ()


def hold(door: str, make_trial: Callable[[np.random.Generator], Trial], inputs: Iterable[int], counts: Counts) -> None:
    """Every input is refused in one sentence or answered as defined; some are refused, and some are answered."""
    for number in inputs:
        rng = np.random.default_rng([zlib.crc32(door.encode()), number])
        trial = make_trial(rng)
        try:
            check(trial, counts)
        except BaseException as error:
            if isinstance(error, Exception):
                raise AssertionError(f"{door}, input {number}: {shown(trial.arguments)}: {error!r}") from error
            raise
    assert counts.refused
    assert counts.answered


def check(trial: Trial, counts: Counts) -> None:
    before = [snapshot(value) for value in trial.arguments.values()]
    counts.inputs += 1
    try:
        answer = trial.call()
    except (ValueError, TypeError) as error:
        check_refusal(trial, str(error))
        counts.refused += 1
    else:
        assert trial.right is not False, f"answered, though it means nothing: {answer!r}"
        trial.compare(answer)
        counts.answered += 1
    assert [snapshot(value) for value in trial.arguments.values()] == before, "an input was written to"


def check_refusal(trial: Trial, text: str) -> None:
    check_sentence(text, (*names_in(trial.arguments), *trial.names))
    assert trial.right is not True, f"refused, though nothing is wrong: {text}"


def names_in(arguments: Mapping[str, Any]) -> list[str]:
    """What a refusal may begin with: the name of an argument, or of a file that it names."""
    values = [*arguments.values()]
    values += [one for value in values if isinstance(value, list | tuple) for one in value]
    values += [one for value in values if isinstance(value, list | tuple) for one in value]
    return [*arguments, *(str(Path(value)) for value in values if isinstance(value, str | os.PathLike))]


def check_sentence(text: str, names: Iterable[str]) -> None:
    """One line that says first what is wrong, an argument or a file, and then what about it."""
    assert re.match(rf"({'|'.join(map(re.escape, names))})(\[.*\])?(:|, (line|row|task|member) )", text), (
        f"names nothing: {text}"
    )
    assert "\n" not in text, f"several lines: {text}"
    assert text.endswith("."), f"no sentence: {text}"
    assert len(text) <= LONGEST, f"{len(text)} characters: {text}"


def snapshot(value: Any) -> Any:
    """What a call must not change: the bytes of arrays."""
    if type(value) is np.ndarray:
        return value.tobytes()
    return [snapshot(part) for part in value] if isinstance(value, list | tuple) else None


def shown(arguments: Mapping[str, Any]) -> str:
    with np.printoptions(threshold=200):
        return ", ".join(f"{name}={_described(value)}" for name, value in arguments.items())


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value!r} of strides {value.strides}"
    return f"[{', '.join(map(_described, value))}]" if type(value) is list else repr(value)


def assert_close(found: Any, expected: Any, relative: float, absolute: float) -> None:
    """Equal in value, and so in rank wherever the definition tells two rows apart by more than the tolerance."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype == np.float64
    with np.errstate(invalid="ignore"):
        close = (np.abs(found - expected) <= absolute + relative * np.abs(expected)) | (found == expected)
    assert close.all(), f"{found} where {expected} is right"

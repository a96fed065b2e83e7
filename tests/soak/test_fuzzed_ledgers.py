"""Whatever ids, labels and queries a ledger is given, it refuses them and stays as it was, or does what was said alone."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import alcore
from tests.soak.hostile_ids import ids, labels
from tests.soak.hostile_numbers import all_right, count, pick, seed
from tests.soak.hostile_predictions import predictions
from tests.soak.laws import Counts, check_sentence, each_part, names_in, numbers, shown

INPUTS = 40_000  # each two milliseconds
ROWS = 8
NAMES = [f"image {i}.png" for i in range(ROWS)]
PROBS = np.random.default_rng(0).dirichlet(np.ones(2), size=(ROWS, 3)).transpose(0, 2, 1).copy()
# What is no refusal in a sentence today: the kind of error and its beginning. The ledger stays as it was.
KNOWN_FAULTS: list[tuple[type[Exception], str]] = [
    (TypeError, r"'[\w.]+' object is not iterable$|iteration over a 0-d array$"),
    (ValueError, "setting an array element with a sequence|The truth value of an array with more than one element"),
    (UnicodeEncodeError, "'utf-8' codec can't encode character"),
    (RuntimeError, "no array\nof this one$"),  # what a label or ids say where they are to be an array
    (alcore.LedgerError, "ledger in memory: Python int too large"),
    (
        alcore.LedgerError,
        "(ids|labels): expected .* got two\nlines",
    ),  # what a value's own name of two lines makes of it
]
State = dict[str, Any]


def begin(named: bool) -> tuple[alcore.Ledger, alcore.Query]:
    """Two ids labelled, one asked, one set aside, four free."""
    ledger = alcore.Ledger(ids=NAMES) if named else alcore.Ledger(ROWS)
    ledger.label({ledger.ids[0]: "bought"})
    query = ledger.ask(alcore.BALD(), PROBS, 2)
    ledger.tell(query, {query.ids[0]: "answered"})
    ledger.set_aside([ledger.pool[0]])
    return ledger, query


def state_of(ledger: alcore.Ledger) -> State:
    in_states = {name: set(getattr(ledger, name).tolist()) for name in ("pool", "labelled", "asked", "aside")}
    found = {repr(one): repr(label) for one, label in zip(ledger.labelled.tolist(), ledger.labels, strict=True)}
    return {**in_states, "labels": found, "size": len(ledger)}


@dataclass(frozen=True)
class Step:
    """One call of a ledger: ``expect`` turns the state before into the one after, None where that is not right."""

    call: Callable[[], Any]
    arguments: dict[str, Any]
    right: bool | None
    expect: Callable[[State, Any], State | None]
    names: tuple[str, ...] = ()


def moved(state: State, chosen: set[Any], source: tuple[str, ...], target: str) -> State | None:
    """The state in which ids have moved; None where they were elsewhere."""
    if not chosen <= set().union(*(state[name] for name in source)):
        return None
    after = {name: state[name] - chosen for name in ("pool", "labelled", "asked", "aside")}
    after[target] = after[target] | chosen
    kept = {one: label for one, label in state["labels"].items() if one not in set(map(repr, chosen))}
    return {**state, **after, "labels": kept}


def labelled(state: State, given: dict[Any, Any], among: tuple[str, ...], overwrite: bool) -> State | None:
    """The state once these labels are there; None where one may not be given."""
    sources = (*among, "labelled") if overwrite else among
    after = moved(state, set(given), sources, "labelled")
    if after is None:
        return None
    plain = {one: label.tolist() if hasattr(label, "tolist") else label for one, label in given.items()}
    return {**after, "labels": {**after["labels"], **{repr(one): repr(label) for one, label in plain.items()}}}


# --- calls ------------------------------------------------------------------------------------------------------------


def moving(rng: np.random.Generator, ledger: alcore.Ledger, query: alcore.Query) -> Step:
    name = pick(rng, ("set_aside", "unlabel", "restore"))
    sources = {"set_aside": ("pool", "asked"), "unlabel": ("labelled",), "restore": ("aside",)}[name]
    among = [*getattr(ledger, pick(rng, sources)).tolist()] if rng.random() < 0.8 else ledger.ids.tolist()
    given = ids(rng, among)

    def expect(state: State, _: Any) -> State | None:
        return moved(state, given.meaning, sources, "aside" if name == "set_aside" else "pool")

    return Step(lambda: getattr(ledger, name)(given.value), {"ids": given.value}, given.right, expect)


def labelling(rng: np.random.Generator, ledger: alcore.Ledger, query: alcore.Query) -> Step:
    tells, overwrite = bool(rng.random() < 0.5), bool(rng.random() < 0.3)
    among = query.ids.tolist() if tells and rng.random() < 0.8 else ledger.ids.tolist()
    given = labels(rng, among)
    answered = set(query.ids.tolist())

    def expect(state: State, _: Any) -> State | None:
        if tells and not set(given.meaning) <= answered:
            return None
        return labelled(state, given.meaning, ("pool", "asked"), overwrite)

    def call() -> None:
        if tells:
            ledger.tell(query, given.value, overwrite=overwrite)
        else:
            ledger.label(given.value, overwrite=overwrite)

    return Step(call, {"labels": given.value}, given.right, expect, ("ids",))


def asking(rng: np.random.Generator, ledger: alcore.Ledger, query: alcore.Query) -> Step:
    """Predictions of the ids that are said, a row for each."""
    chosen, k, start = ids(rng, ledger.ids.tolist()), count(rng, 4, least=1), seed(rng)
    rows = len(chosen.meaning) if chosen.meaning is not None else 2
    probs = predictions(rng, shape=(rows, 2, 3), events=False, wrong=0.2)
    heuristic = pick(rng, (alcore.BALD(), alcore.PowerBALD(), alcore.BatchBALD(), alcore.Random()))

    def call() -> alcore.Query:
        return ledger.ask(heuristic, probs.value, k.value, ids=chosen.value, asker="bob", rng=start.value)

    def expect(state: State, answer: alcore.Query) -> State | None:
        found = answer.ids.tolist()
        there = state["pool"] if chosen.value is None else state["pool"] & chosen.meaning
        assert len(found) == len(set(found)) == min(k.meaning, len(there))
        return moved(state, set(found), ("pool",), "asked") if set(found) <= there else None

    arguments = {"ids": chosen.value, "k": k.value, "rng": start.value, "predictions": probs.value}
    right = all_right(chosen, k, start, probs)
    right = None if chosen.value is None or right is False else right
    return Step(call, arguments, (right and probs.meaning.shape == (rows, 2, 3)) or None, expect, ("probs", "memory"))


def withdrawing(rng: np.random.Generator, ledger: alcore.Ledger, query: alcore.Query) -> Step:
    given: Any = pick(rng, (query, query.number, np.int64(query.number))) if rng.random() < 0.5 else count(rng, 3).value
    mine = given is query or (isinstance(given, int | np.integer | np.ndarray) and given == query.number)
    waiting = set(ledger.asked.tolist())
    return Step(
        lambda: ledger.withdraw(given),
        {"query": given},
        True if given is query else None,
        lambda state, _: moved(state, waiting, ("asked",), "pool") if mine else None,
    )


def adding(rng: np.random.Generator, ledger: alcore.Ledger, query: alcore.Query) -> Step:
    new: list[Any] = [f"new {i}.png" for i in range(3)] if ledger.named else list(range(ROWS, ROWS + 3))
    given = ids(rng, new[: int(rng.integers(0, 4))])
    if not ledger.named and rng.random() < 0.3:
        given = count(rng, 3)

    def expect(state: State, _: Any) -> State | None:
        more = ledger.ids[ROWS:].tolist()
        counted = not isinstance(given.meaning, set) or isinstance(given.value, int | np.integer)
        said = set(more) if counted else given.meaning
        return {**state, "pool": state["pool"] | said, "size": ROWS + len(said)} if said == set(more) else None

    return Step(lambda: ledger.add(given.value), {"ids": given.value}, None, expect)


# --- the law ----------------------------------------------------------------------------------------------------------


def is_known_fault(error: Exception) -> bool:
    return any(isinstance(error, kind) and re.match(said, str(error)) for kind, said in KNOWN_FAULTS)


def check_refused(step: Step, before: Any, after: Any, error: Exception | None) -> None:
    """The ledger is as it was; what is no known fault is a refusal in a sentence, of what is wrong."""
    assert after == before
    if error is None:
        return
    assert isinstance(error, ValueError | TypeError), repr(error)
    check_sentence(str(error), (*names_in(step.arguments), *step.names))
    right = step.right and step.expect(before, None) is not None if "k" not in step.arguments else step.right
    assert not right, f"refused, though nothing is wrong: {error}"


def take(step: Step, ledger: alcore.Ledger, counts: Counts) -> bool:
    """Whether the ledger changed, as it had to: a refusal names what is wrong and leaves it as it was."""
    before = state_of(ledger)
    counts.inputs += 1
    try:
        answer = step.call()
    except Exception as error:
        known = is_known_fault(error)
        check_refused(step, before, state_of(ledger), None if known else error)
        counts.known_faults += known
        counts.refused += not known
        return False
    assert step.right is not False, "taken, though it means nothing"
    after = step.expect(before, answer)
    assert after is not None, "taken, though the ledger's state forbids it"
    assert state_of(ledger) == after
    counts.answered += 1
    return True


@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
@each_part
def test_ledgers_refuse_or_do_what_is_said(part: int, counts: Counts) -> None:
    ledgers: dict[bool, tuple[alcore.Ledger, alcore.Query]] = {}
    for number in numbers(part, INPUTS):
        rng = np.random.default_rng([zlib.crc32(b"ledger"), number])
        named = bool(rng.random() < 0.5)
        if named not in ledgers:
            ledgers[named] = begin(named)
        step = pick(rng, (moving, labelling, labelling, asking, withdrawing, adding))(rng, *ledgers[named])
        try:
            if take(step, ledgers[named][0], counts):
                del ledgers[named]
        except Exception as error:
            raise AssertionError(f"ledger, input {number}: {shown(step.arguments)}: {error!r}") from error
    assert counts.refused
    assert counts.answered

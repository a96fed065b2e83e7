"""Argilla's records: of ``dataset.records.to_json``, of its data sets (``label.responses``), and of its server.

Its ``_server_id`` is a number of Argilla, and so is ``id`` beside ``external_id``. A response counts if it was submitted. Records
that wait for more responses are no label yet: drafts and responses look alike in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alcore.ledger.columns import shown
from alcore.ledger.errors import LedgerError
from alcore.ledger.tools.answers import Answer, Asked, Record, Tool, as_annotator
from alcore.ledger.tools.keys import MISSING

QUESTION = "label"


def _marks(record: Record, cells: bool) -> bool:
    return "_server_id" in record or ("responses" in record and isinstance(record.get("fields"), dict))


def _own_id(record: Record) -> Any:
    one = record.get("external_id", MISSING) if "_server_id" not in record else record.get("id")
    return MISSING if one is None else one


def _answers(asked: Asked) -> Iterator[Answer]:
    record, question = asked.record, asked.keys.label or QUESTION
    if f"{question}.responses" in record:
        yield from _of_columns(asked, question)
        return
    responses = record.get("responses") or {}
    if isinstance(responses, list):  # of the server: one response for all questions
        for one in responses:
            yield from _of_server(asked, one, question)
        return
    if not isinstance(responses, dict):
        raise LedgerError(f"{asked.where}: expected responses by question, got {shown(responses)}.")
    if record.get("status") == "pending":
        return
    for one in responses.get(question) or []:
        if one.get("status", "submitted") == "submitted":
            yield Answer(asked.label(one.get("value")), as_annotator(one.get("user_id")))


def _of_columns(asked: Asked, question: str) -> Iterator[Answer]:
    key = f"{question}.responses"
    values = asked.record.get(key) or []
    if not isinstance(values, list):
        raise LedgerError(
            f"{asked.where}: expected a list of responses in {key}, got {shown(values)}. Export the records with "
            "dataset.records.to_json(path)."
        )
    users = asked.record.get(f"{key}.users") or [None] * len(values)
    states = asked.record.get(f"{key}.status") or ["submitted"] * len(values)
    for value, user, state in zip(values, users, states, strict=True):
        if state == "submitted":
            yield Answer(asked.label(value), as_annotator(user))


def _of_server(asked: Asked, response: Any, question: str) -> Iterator[Answer]:
    if not isinstance(response, dict):
        raise LedgerError(f"{asked.where}: expected responses that are objects, got {shown(response)}.")
    given = (response.get("values") or {}).get(question)
    if response.get("status") == "submitted" and isinstance(given, dict):
        yield Answer(asked.label(given.get("value")), as_annotator(response.get("user_id")))


def _questions(record: Record) -> set[str]:
    """Questions that have responses."""
    found = {key.removesuffix(".responses") for key, value in record.items() if key.endswith(".responses") and value}
    responses = record.get("responses")
    parts = [responses] if isinstance(responses, dict) else responses if isinstance(responses, list) else []
    for one in parts:
        found |= set((one.get("values") or {}) if isinstance(responses, list) else one)
    return found


ARGILLA = Tool("Argilla", _marks, _own_id, _answers, ("_server_id",), others=_questions)

"""A ledger and a project of Label Studio are kept alike: by exchanges that a real Label Studio 1.23 gave."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest

from alcore import LedgerError
from alcore.ledger.label_type import LabelType
from alcore.ledger.sync.label_studio_project import Annotation, Project
from alcore.ledger.sync.taking import Answer, answer_of
from tests.ledger.exchanges import Recorded
from tests.ledger.label_studio_people import results
from tests.ledger.sync_scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_as_recorded(scenario: Scenario) -> None:
    client = Recorded(scenario.__name__)
    scenario(client)
    assert not client.left


def annotation(number: int, value: str | None, by: str = "ann", **more: Any) -> Annotation:
    fields = {"skipped": False, "ground_truth": False, "updated": datetime.fromtimestamp(number, UTC), **more}
    return Annotation(number, by, results(value), **fields)


def test_labels_that_the_ledger_does_not_have_are_reported() -> None:
    cats = LabelType("classes", ('"cat"',))
    assert answer_of([annotation(1, "cat")], "label", cats, "id 3") == Answer("labelled", '"cat"', "ann")
    refused = answer_of([annotation(1, "cat"), annotation(2, "dog", "bob")], "label", cats, "id 3")
    assert refused.kind == "disputed"
    assert refused.text == "id 3, bob: label: expected one of the classes cat, got 'dog'."


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ([], Answer("open")),
        ([annotation(1, None)], Answer("open")),
        ([annotation(1, None, skipped=True)], Answer("aside", annotator="ann")),
        ([annotation(1, None, skipped=True), annotation(2, "cat", "bob")], Answer("labelled", '"cat"', "bob")),
        (
            [annotation(1, "dog"), annotation(2, "cat")],
            Answer("labelled", '"cat"', "ann"),
        ),  # the latest of one annotator
        ([annotation(1, "cat"), annotation(2, "cat", "bob")], Answer("labelled", '"cat"', "ann")),
        ([annotation(1, "dog", ground_truth=True), annotation(2, "cat", "bob")], Answer("labelled", '"dog"', "ann")),
    ],
)
def test_what_annotations_say(annotations: list[Annotation], expected: Answer) -> None:
    assert answer_of(annotations, "label", LabelType(), "id 3") == expected
    assert answer_of(annotations, "comment", LabelType(), "id 3").label in (None, '"well"')


def settings_of(answer: dict[str, Any]) -> Any:
    client = mock.Mock(url="http://host")
    client.get.return_value = answer
    return Project(client, 3).settings()


def test_all_objects_of_the_interface_show_something() -> None:
    """Those without a control too: Label Studio refuses tasks without their data."""
    interface = """<View><Header value="$title"/><Text name="t" value="$text"/><Image value='$image' name='i'/>
        <Text name="u" value = "$item.text"/><Paragraphs value="$turns[0]" name="p"/>
        <Choices name="a" toName="t"><Choice value="$5"/></Choices></View>"""
    answer = {"label_config": interface, "parsed_label_config": {"a": {}}}
    assert settings_of(answer).shown == ("text", "image", "item", "turns")


def test_the_control_is_the_one_named_label_or_the_only_one() -> None:
    def settings(**controls: Any) -> Any:
        return settings_of({"parsed_label_config": controls})

    shown = {"inputs": [{"type": "Text", "value": "text"}]}
    assert settings(label=shown, comment=shown).control == "label"
    assert settings(animal=shown).control == "animal"
    with pytest.raises(
        LedgerError, match=r"http://host/projects/3: expected one control .*, got the controls 'animal', 'colour'\."
    ):
        settings(animal=shown, colour=shown)
    with pytest.raises(LedgerError, match=r'got no control\. In the project.s settings, write name="label"'):
        settings()

"""Every remedy that a ledger or a command prints is run as printed, and the ledger then holds what it should."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from alcore.cli import sentences
from alcore.cli.remedies import REMEDIES, as_commands
from tests.ledger.read_only_places import NOBODY, as_nobody, open_folder
from tests.remedies import CODE, COMMAND, SHELL, Text, texts
from tests.remedy_cases_of_commands import OF_COMMANDS
from tests.remedy_cases_of_labels import OF_LABELS
from tests.remedy_cases_of_ledger import OF_LEDGER
from tests.remedy_cases_of_masks import OF_MASKS
from tests.remedy_cases_of_predictions import OF_PREDICTIONS, OF_STOPPING
from tests.remedy_cases_of_tools import OF_TOOLS
from tests.remedy_cases_of_updates import OF_UPDATES
from tests.remedy_scenes import NOT_RUN, Scene
from tests.remedy_stage import Stage

FOLDERS = ("ledger", "cli", "stopping")
SCENES = (*OF_LEDGER, *OF_LABELS, *OF_TOOLS, *OF_COMMANDS, *OF_PREDICTIONS, *OF_STOPPING, *OF_UPDATES, *OF_MASKS)


def played(scene: Scene, patch: pytest.MonkeyPatch, remedied: bool) -> str:
    """What the refusal says, in the current folder. With ``remedied`` its remedy is run as well."""
    stage = Stage(patch)
    said = stage.refusal(scene)
    if remedied:
        stage.remedied(scene, said)
    return said


def in_a_folder(scene: Scene, folder: Path, patch: pytest.MonkeyPatch, remedied: bool) -> str:
    if not scene.bound:
        patch.chdir(folder)
        return played(scene, patch, remedied)
    with open_folder() as own:
        if os.geteuid() == 0:
            os.chown(own, NOBODY, NOBODY)
        patch.chdir(own)
        try:
            return str(as_nobody(lambda: played(scene, patch, remedied)))
        finally:
            patch.chdir(folder)


def said_and_meant(scene: Scene, folder: Path, patch: pytest.MonkeyPatch, remedied: bool) -> list[str]:
    """What a refusal says, and what it was before its calls became commands."""
    meant: list[str] = []
    with patch.context() as inner:
        inner.setattr(sentences, "as_commands", lambda text, run=None: as_commands(meant.append(text) or text, run))
        return [in_a_folder(scene, folder, patch, remedied), *meant[:1]]


def is_in(text: Text, said: str) -> bool:
    return all(part in said for part in text.words.split("{}")) and text.pattern.search(said) is not None


SAID: dict[int, list[str]] = {}  # of the scenes that were played


@pytest.mark.parametrize("number", range(len(SCENES)), ids=[str(scene) for scene in SCENES])
def test_the_ledger_holds_what_it_should(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SAID[number] = said_and_meant(SCENES[number], tmp_path, monkeypatch, remedied=True)


def test_every_text_is_raised_by_a_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new refusal that prints code or a command joins these scenes, or this fails."""
    for number, scene in enumerate(SCENES):
        if number not in SAID:
            folder = tmp_path / str(number)
            folder.mkdir()
            SAID[number] = said_and_meant(scene, folder, monkeypatch, remedied=False)
    said = [one for each in SAID.values() for one in each]
    found = (*texts(FOLDERS), *texts(FOLDERS, code=COMMAND), *texts(("sources",), code=SHELL))
    asked = {(text.file, text.words): text for text in found}
    assert len(asked) > 100
    missing = [
        f"{text.file}: {text.words}"
        for text in asked.values()
        if text.file != "alcore/cli/remedies.py"
        and not any(part in text.words for part in NOT_RUN)
        and not any(is_in(text, one) for one in said)
    ]
    assert not missing, "\n".join(missing)
    unused = [pattern for pattern, _ in REMEDIES if not any(re.search(pattern, one) for one in said)]
    assert not unused, "\n".join(unused)


def test_what_is_not_run_is_still_printed() -> None:
    """No reason stays in the list without its text."""
    words = [text.words for code in (CODE, COMMAND) for text in texts(FOLDERS, code=code)]
    for part in NOT_RUN:
        assert any(part in one for one in words), part

"""Every remedy that a ledger or a command prints is run as printed, and the ledger then holds what it should."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.ledger.read_only_places import NOBODY, as_nobody, open_folder
from tests.remedy_cases_of_ledger import OF_LEDGER
from tests.remedy_scenes import Scene
from tests.remedy_stage import Stage

SCENES = (*OF_LEDGER,)


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


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_the_ledger_holds_what_it_should(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_a_folder(scene, tmp_path, monkeypatch, remedied=True)

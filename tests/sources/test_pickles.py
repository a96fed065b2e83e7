"""Nothing is ever unpickled."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from tests.sources.file_formats import zipped


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.flag),)


def boobytrapped(flag: Path) -> np.ndarray:
    return np.array([[[Bomb(flag)] * 2] * 2], object)


PICKLES: dict[str, tuple[str, Callable[[Path, Path], Any]]] = {
    "object npy": ("x.npy", lambda path, flag: np.save(path, boobytrapped(flag), allow_pickle=True)),
    "object npz": ("x.npz", lambda path, flag: np.savez(path, only=boobytrapped(flag))),
    "Fortran npz": ("x.npz", lambda path, flag: np.savez(path, only=np.asfortranarray(boobytrapped(flag)))),
    "0 axes npz": ("x.npz", lambda path, flag: np.savez(path, only=np.array(Bomb(flag), object))),
    "structured npy": ("x.npy", lambda path, flag: np.save(path, np.array([(Bomb(flag),)], [("a", "O")]))),
    "pickle as npy": ("x.npy", lambda path, flag: path.write_bytes(pickle.dumps(Bomb(flag)))),
    "pickle as npz": ("x.npz", lambda path, flag: path.write_bytes(pickle.dumps(Bomb(flag)))),
    "pickle as member": ("x.npz", lambda path, flag: zipped(path, only_npy=pickle.dumps(Bomb(flag)))),
    "pickle as hdf5": ("x.h5", lambda path, flag: path.write_bytes(pickle.dumps(Bomb(flag)))),
}


@pytest.mark.parametrize("case", PICKLES)
def test_nothing_is_unpickled(tmp_path: Path, case: str) -> None:
    name, write = PICKLES[case]
    path, flag = tmp_path / name, tmp_path / "exploded"
    write(path, flag)
    with pytest.raises(ValueError, match="never unpickles") as caught:
        alcore.bald(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert not flag.exists()


def test_these_pickles_run_code_where_they_are_unpickled(tmp_path: Path) -> None:
    flag = tmp_path / "exploded"
    np.save(tmp_path / "x.npy", np.array(Bomb(flag), object), allow_pickle=True)
    np.load(tmp_path / "x.npy", allow_pickle=True)
    assert flag.exists()

"""Ranges of rows of a zarr array that several processes write, and the records that say which of them are whole.

A record is a small file beside the chunks, in the folder ``alcore`` of the array. Its name says the range and the settings, so one
listing of the folder tells what is there, in a bucket too. A range without a record counts as missing, whatever its chunks hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from alcore import door
from alcore.door import Bools
from alcore.sources.chunks import is_zarr
from alcore.sources.files import sync_file, whole_file
from alcore.sources.formats import import_extra

Range = tuple[int, int]  # start, stop
FOLDER = "alcore"  # of the records, in the folder of the array
MARK = "alcore"  # the attribute that says what the draws are
CHANGED = {  # what to do where a setting is another one than that of the ranges before. Others are options of the call.
    "alcore": "Versions may draw other random numbers. Install the one that began: pip install 'alcore=={0}'.",
    "weights": "The model, its weights or its rates are other ones. Load the model of the first ranges.",
    "devices": "Kinds of devices draw other random numbers. Run all ranges on one kind.",
    "noise": "Layers draw numbers of other shapes. Pad the rows of all blocks to one length, the same in all ranges.",
    "shape": "Let the model return the same classes, event axes and draws for all ranges.",
    "ids": "Name ids for all ranges, or for none.",
    "mask": "Pass a mask for all ranges, or for none.",
    "backend": "Run all ranges with the backend {0}.",
}
RECORD = re.compile(r"rows-(\d+)-(\d+)\.([0-9a-f]+)\.json")


def record_name(rows: Range, fingerprint: str, beside: str = "") -> str:
    """The name of the record of a range, or of the file with what is kept ``beside`` its rows."""
    return f"{FOLDER}/rows-{rows[0]}-{rows[1]}.{fingerprint}.{f'{beside}.npy' if beside else 'json'}"


def marked(node: Any) -> dict[str, Any] | None:
    """What a zarr array says of the ranges that it is written in. None for any other array."""
    mark = node.attrs.get(MARK) if is_zarr(node) else None
    return mark if isinstance(mark, dict) and "settings" in mark and "fingerprint" in mark else None


def whole_ranges(node: Any) -> list[Range]:
    """The ranges of an array that have a record with the settings of the array, in order."""
    from zarr.core.sync import sync

    mark, prefix = marked(node), f"{node.path}/{FOLDER}/" if node.path else f"{FOLDER}/"
    if mark is None:
        return []
    if hasattr(node.store, "fs"):  # of a bucket: it would list again what it listed before
        node.store.fs.invalidate_cache()
    found = []
    for key in sync(_keys(node.store, prefix)):
        named = RECORD.fullmatch(key.rpartition("/")[2])
        if named and named[3] == mark["fingerprint"]:
            found.append((int(named[1]), int(named[2])))
    return sorted(found)


async def _keys(store: Any, prefix: str) -> list[str]:
    return [key async for key in store.list_prefix(prefix)]


def gaps(ranges: Iterable[Range], within: Range) -> list[Range]:
    """The rows of ``within`` that none of the ranges, which are in order, has."""
    found, start = [], within[0]
    for first, stop in ranges:
        if first > start:
            found.append((start, min(first, within[1])))
        start = max(start, stop)
        if start >= within[1]:
            break
    if start < within[1]:
        found.append((start, within[1]))
    return [(first, stop) for first, stop in found if first < stop]


def rows_without_record(node: Any) -> Bools | None:
    """True for each row whose range has no record. None where the array is not written in ranges, or is whole."""
    if marked(node) is None:
        return None
    missing = gaps(whole_ranges(node), (0, node.shape[0]))
    if not missing:
        return None
    rows = np.zeros(node.shape[0], np.bool_)
    for start, stop in missing:
        rows[start:stop] = True
    return rows


# --- settings ---------------------------------------------------------------------------------------------------------


def check_settings(path: str, mark: Mapping[str, Any] | None, mine: Mapping[str, Any]) -> None:
    """Refuse settings that differ from those that the store was begun with."""
    theirs = (mark or {})["settings"]
    known = json.loads(json.dumps(dict(mine)))
    for name in known:
        if known[name] != theirs.get(name):
            refuse_setting(path, name, theirs.get(name), known[name])
    for name in ("ids", "mask", "variance", "checkpoints"):  # those that only some ranges say
        if theirs.get(name) and not known.get(name):
            refuse_setting(path, name, theirs[name], None)


def refuse_setting(path: str, name: str, theirs: Any, mine: Any) -> NoReturn:
    """A setting is another one than that of the ranges before."""
    remedy = CHANGED.get(name, "Pass {name}={0!r}, or write to a new store.").format(theirs, name=name)
    raise ValueError(
        f"{path}: the store was begun with {name}={door.shown(theirs)}, and now it is {door.shown(mine)}. {remedy}"
    )


def digest(settings: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


# --- files of the array -----------------------------------------------------------------------------------------------


def get_file(node: Any, key: str) -> bytes:
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync

    found = sync(node.store.get(f"{node.path}/{key}" if node.path else key, default_buffer_prototype()))
    return found.to_bytes()  # type: ignore[no-any-return]


def put_file(path: str, key: str, data: bytes, *, replace: bool = True) -> None:
    """Write a file of the array whole. Without ``replace`` one that is there stays. In a bucket each file is written whole."""
    if not door.is_url(path):
        target = Path(path) / key
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with whole_file(target, replace=replace) as file:
                file.write(data)
        except FileExistsError:
            return
        sync_file(target.parent)
        return
    zarr = import_extra("zarr", "zarr", "writing")
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync

    store = zarr.storage.FsspecStore.from_url(path)
    buffer = default_buffer_prototype().buffer.from_bytes(data)
    sync(store.set(key, buffer) if replace else store.set_if_not_exists(key, buffer))

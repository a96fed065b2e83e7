"""Arrays of zarr and HDF5: found in their file by name or as the only one, and read where they are indexed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.door import Array
from alcore.sources.formats import choose, import_extra, reading_file, refuse_member
from alcore.sources.names import names_of_node
from alcore.sources.urls import SCATTERED, Url


@dataclass(frozen=True)
class StoredArray:
    """A zarr array or an HDF5 dataset, read where it is indexed."""

    file: Path | Url
    node: Any = field(repr=False)  # its own text shows the URL as it is
    member: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        with reading_file(self.file, "an array"):
            return self.node.shape or ()  # None where an HDF5 dataset is empty

    @property
    def dtype(self) -> Any:
        with reading_file(self.file, "an array of numbers"):
            return self.node.dtype

    @property
    def chunks(self) -> Any:
        return self.node.chunks

    @property
    def shards(self) -> Any:
        return getattr(self.node, "shards", None)

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """The names of the axes. Empty where the file does not name them."""
        with reading_file(self.file, "names of axes"):
            return names_of_node(self.node)

    def __getitem__(self, rows: Any) -> Array:
        with reading_file(self.file, "whole chunks"):
            return np.asarray(self.node[rows])

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self[...], dtype)


def open_zarr(file: Path | Url, member: str | None, default: str | None) -> Any:
    """An array of a zarr folder, of a zip of one, or of a remote store."""
    zarr = import_extra("zarr", "zarr", "reading")
    with reading_file(file, "a zarr array or group"):
        if isinstance(file, Url):
            store = zarr.storage.FsspecStore.from_url(file.text, read_only=True)
        else:
            store = str(file) if file.is_dir() else zarr.storage.ZipStore(file, mode="r")
        node = zarr.open(store=store, mode="r")
        if isinstance(node, zarr.Group):
            names = [name for name, child in node.members(max_depth=None) if isinstance(child, zarr.Array)]
    if isinstance(node, zarr.Array):
        refuse_member(file, member)
        return StoredArray(file, node)
    return _stored(file, node, choose(file, names, member, default))


def open_hdf5(file: Path | Url, member: str | None, default: str | None) -> Any:
    """A dataset of an HDF5 file."""
    h5py = import_extra("h5py", "hdf5", "reading")
    with reading_file(file, "an HDF5 file"):
        root = h5py.File(file.open(**SCATTERED) if isinstance(file, Url) else file, "r")
    try:
        with reading_file(file, "an HDF5 file"):
            names = list(_datasets(h5py, root))
            linked = member is not None and member not in names and isinstance(_target(root, member), h5py.Dataset)
        found = _stored(file, root, member if member and linked else choose(file, names, member, default))
        if isinstance(file, Url) and (found.node.is_virtual or found.node.external):
            raise ValueError(
                f"{file}: expected a dataset whose numbers lie in this file, but member {found.member!r} takes them from other "
                f"files, which HDF5 does not find in a remote store. Copy these files too. {file.copying()}"
            )
        return found
    except ValueError:
        root.close()
        raise


def _datasets(h5py: Any, root: Any) -> Iterator[str]:
    """The names of all datasets, each under its first name. HDF5's own visit never returns for some damaged files.

    What a link names is found under the link only where no group holds it. Links in a circle, or to nothing, name nothing.
    """
    seen, links = {root}, list[tuple[str, Any]]()

    def walk(path: str, node: Any) -> Iterator[str]:
        left = [(path, node)]
        while left:
            path, node = left.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            if isinstance(node, h5py.Dataset):
                yield path
            elif isinstance(node, h5py.Group):
                left += reversed(list(inside(f"{path}/", node)))

    def inside(path: str, group: Any) -> Iterator[tuple[str, Any]]:
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.HardLink):
                yield f"{path}{name}", group[name]
            else:
                links.append((f"{path}{name}", group))

    for path, node in list(inside("", root)):
        yield from walk(path, node)
    while links:
        path, group = links.pop(0)
        yield from walk(path, _target(group, path.rpartition("/")[2]))


def _target(group: Any, name: str) -> Any:
    """What a link leads to, in this file or in another one. None where it leads nowhere."""
    try:
        return group[name]
    except (KeyError, OSError, ValueError, RuntimeError):  # h5py has no type of its own for a link that leads nowhere
        return None


def _stored(file: Path | Url, root: Any, name: str) -> StoredArray:
    with reading_file(file, f"an array as member {name!r}"):
        return StoredArray(file, root[name], name)

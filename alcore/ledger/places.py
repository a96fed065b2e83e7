"""Where a ledger's file lies: places where SQLite's locks or its log would fail are refused before SQLite touches it."""

from __future__ import annotations

from pathlib import Path

from alcore.door.wording import word
from alcore.ledger.errors import LedgerError

MOUNTS = Path("/proc/self/mounts")  # on Linux; elsewhere nothing is known of a place
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs", "fuse.rclone"}


def refuse_unsafe(path: Path) -> None:
    """Refuse to write a file with several names, and one on a network file system."""
    if (names := names_of(path)) > 1:
        raise LedgerError(
            f"{path}: the file has {names} names (hard links), and each name would get a log of its own, so labels would be lost. "
            f"{_own_file(path)}"
        )
    if (kind := network_of(path)) is not None:
        raise LedgerError(
            f"{path}: the folder is on a network file system ({kind}), whose locks do not keep several computers apart. Keep the "
            "ledger on a disk of this computer, and copy it there. To only read it: Ledger.open(path, readonly=True)."
        )


def refuse_other_names(path: Path) -> None:
    """Refuse to read a file by one of its names while this process has it open: its log has one of them."""
    if (names := names_of(path)) > 1:
        raise LedgerError(
            f"{path}: the file has {names} names (hard links), and this process writes to it, perhaps by another name. Close that "
            f"ledger first: ledger.close(). Or read from it."
        )


def refuse_names_without_log(path: Path) -> None:
    """Refuse a file of the first format with several names: it does not say whether another name has a log with labels."""
    if (names := names_of(path)) > 1:
        raise LedgerError(
            f"{path}: the file has {names} names (hard links), and another name may have a log (-wal) with labels. Open it by the "
            f"name that has a log. If none has: {_own_file(path)}"
        )


def names_of(path: Path) -> int:
    return path.stat().st_nlink if path.exists() else 0


def _own_file(path: Path) -> str:
    new = word(f"{path}.new")
    return f"Give this name a file of its own: cp {word(path)} {new} && mv {new} {word(path)}."


def network_of(path: Path) -> str | None:
    """The kind of network file system that a file is on. None on a disk of this computer."""
    kind = file_system_of(path.resolve().parent)
    return kind if kind in NETWORK else None


def file_system_of(folder: Path) -> str:
    """The kind of file system, such as ext4. "" where it is not known."""
    try:
        lines = MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    place, best, kind = folder.resolve(), -1, ""
    for line in lines:
        _, mounted, found, *_ = line.split(" ")
        where = Path(mounted.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if where in (place, *place.parents) and len(where.parts) >= best:
            best, kind = len(where.parts), found
    return kind

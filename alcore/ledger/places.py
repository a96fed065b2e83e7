"""Where a ledger's file lies: places where SQLite's locks or its log would fail are refused before SQLite touches it."""

from __future__ import annotations

from pathlib import Path

from alcore.ledger.errors import LedgerError

MOUNTS = Path("/proc/self/mounts")  # on Linux; elsewhere nothing is known of a place
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs", "fuse.rclone"}


def refuse_unsafe(path: Path) -> None:
    """Refuse to write a file with several names, and one on a network file system."""
    if path.exists() and path.stat().st_nlink > 1:
        raise LedgerError(
            f"{path}: the file has {path.stat().st_nlink} names (hard links), and each name would get a log of its own, so labels "
            f"would be lost. Give this name a file of its own: cp {path} {path}.new && mv {path}.new {path}."
        )
    if (kind := file_system_of(path.parent)) in NETWORK:
        raise LedgerError(
            f"{path}: the folder is on a network file system ({kind}), whose locks do not keep several computers apart. Keep the "
            "ledger on a disk of this computer, and copy it there."
        )


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

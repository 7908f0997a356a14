"""Where things lie on this machine: one owner-only folder per mode and key, and the kernel's lock in it.

The lock is held by the kernel for the life of the process, so a crash leaves no stale one. The pid inside is for
people. One trading process per account: a second one is refused and told who holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path

from core.domain.errors import StartRefused


def account_folder(base: Path, mode: str, key_id: str) -> Path:
    """`<base>/<mode>-<first 8 hex of sha256(key id)>`; the key id itself is in no path."""
    return base / f"{mode}-{hashlib.sha256(key_id.encode()).hexdigest()[:8]}"


def make_private(folder: Path) -> Path:
    """Create `folder` owner-only, whatever the umask. StartRefused when it cannot be or is not a folder."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise StartRefused(f"cannot use the folder {folder}: {error.strerror}; set state_dir to one that can") from None
    return folder


class AccountLock:
    """An flock on `<folder>/lock`; held from `take` to the end of the process."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._handle: int | None = None

    def take(self) -> None:
        """StartRefused when another process holds it, naming its pid."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise StartRefused(f"a trader of this account runs already (pid {holder}); stop it first") from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        self._handle = handle

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def lock_holder(folder: Path) -> str | None:
    """The pid that holds the folder's lock, None when nobody does."""
    try:
        handle = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.read(handle, 32).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(handle)
    return None


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` atomically, owner-only. OSError when the disk says no."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)
    temporary.replace(path)

"""Where things lie on this machine: one owner-only folder per mode and key, and the kernel's lock in it.

Locks are held by the kernel for the life of the process, so a crash leaves no stale one. The pid inside is for
people. One trading process per account: a second one is refused and told who holds it, also one that keeps its state
elsewhere: besides the folder's lock there is one by key and exchange in a folder of the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
from pathlib import Path

from core.domain.errors import StartRefused

APP = "kalshi-trader"
# Not the place that TMPDIR names: two processes must find the same one. The folder in it is private, its owner checked.
TEMPORARY = Path("/tmp")  # noqa: S108  # nosec B108
TOUCH_S = 3600


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


def machine_folder() -> Path:
    """An owner-only folder that every process of this user finds, whatever its environment and settings say.

    StartRefused when somebody else made it.
    """
    folder = make_private(TEMPORARY / f"{APP}-{os.getuid()}")
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise StartRefused(f"{folder} is not ours; have it removed")
    return folder


class AccountLock:
    """An flock on `<folder>/<name>`; held from `take` to `release`, at the latest to the end of the process."""

    def __init__(self, folder: Path, name: str = "lock") -> None:
        self.path = folder / name
        self._handle: int | None = None

    def take(self) -> None:
        """StartRefused when another process holds it, naming its pid."""
        while self._handle is None:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
                os.close(handle)
                raise StartRefused(f"a trader of this account runs already (pid {holder}); stop it first") from None
            if _is_at(handle, self.path):
                self._handle = handle
            else:  # its last holder has just taken the file away
                os.close(handle)
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{os.getpid()}\n".encode())

    async def keep(self) -> None:
        """Touch the file now and then, so that nobody tidies it away as forgotten."""
        while True:
            await asyncio.sleep(TOUCH_S)
            if self._handle is not None:
                os.utime(self._handle)

    def release(self, *, remove: bool = False) -> None:
        """Let go; with `remove` the file goes too."""
        if self._handle is not None:
            if remove:
                self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None


def _is_at(handle: int, path: Path) -> bool:
    try:
        there = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), there)


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

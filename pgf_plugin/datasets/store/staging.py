"""A folder that appears whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from pgf_plugin.checkpoint_files import sync_folder
from pgf_plugin.datasets.store.schema import is_store

_LOCK = "lock"
_NEW = "new"
_OLD = "old"
_GONE = "gone"


def work_folder(target: Path) -> Path:
    """The hidden folder beside ``target`` in which it is built."""
    return target.with_name(f".{target.name}.unfinished")


@contextmanager
def staged(target: Path, *, force: bool) -> Iterator[Path]:
    """Give an empty folder that becomes the store ``target`` when the block ends without an error.

    Whatever ends the block before, a kill and a power cut included, leaves ``target`` as it was.
    What a killed process left behind is removed by the next one with the same target. A store that
    is replaced is moved aside first: a kill at that very moment leaves it in the hidden folder,
    from where the next one puts it back.

    Raises:
        FileExistsError: if ``target`` exists and is not to be replaced.
        BlockingIOError: if another process is building ``target``.
    """
    check_target(target, force=force)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = work_folder(target)
    lock = FileLock(work / _LOCK)
    try:
        work.mkdir(exist_ok=True)
        lock.acquire(blocking=False)
    except (Timeout, FileExistsError, FileNotFoundError) as error:
        # The last two where another process removes the folder at this very moment.
        raise BlockingIOError(f"{target} is being written by another process") from error
    try:
        _tidy(work, target)
        check_target(target, force=force)  # again, for one that was put back
        new = work / _NEW
        new.mkdir()
        yield new
        _sync(new)
        check_target(target, force=force)
        _replace(new, target, work / _OLD)
    finally:
        _tidy(work, target)
        # Before it is released: who has opened the file by then finds that it has no name any more.
        work.joinpath(_LOCK).unlink(missing_ok=True)
        with suppress(OSError):  # of a process that has begun since
            work.rmdir()
        lock.release()


def check_target(target: Path, *, force: bool) -> None:
    """Raise FileExistsError unless ``target`` is free, or a store that may be replaced."""
    if not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir())):
        return
    if not is_store(target):
        raise FileExistsError(
            f"{target} exists and is no store, so it is not replaced: name another"
        )
    if not force:
        raise FileExistsError(f"{target} exists: name another folder, or replace it with --force")


def _replace(new: Path, target: Path, old: Path) -> None:
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)
    sync_folder(target.parent)


def _tidy(work: Path, target: Path) -> None:
    """Put a store back that was moved aside for one that never came, and remove the rest."""
    old = work / _OLD
    if old.is_dir() and not os.path.lexists(target):
        os.replace(old, target)
    elif old.is_dir():
        # Renamed before it is removed file by file, so that nothing partly removed is put back.
        os.replace(old, work / _GONE)
    for name in (_NEW, _GONE):
        if work.joinpath(name).exists():
            shutil.rmtree(work / name)


def _sync(folder: Path) -> None:
    """Have the files on the disk before the folder gets its name, which may survive alone."""
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    sync_folder(folder)

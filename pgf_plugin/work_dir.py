"""A work directory: whether it can be written, and one process at a time that writes there."""

import errno
import json
import logging
import os
import shlex
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from mmengine.config import Config

from pgf_plugin.checkpoint_files import AtomicLocalBackend, newest_checkpoint
from pgf_plugin.errors import WorkDirError, WorkDirFailedError
from pgf_plugin.interrupts import pass_interruption

LOCK_FILE = ".pgf_lock"
"""Stays where it is: removing a locked file would let two processes lock two files of one name."""

OWNER_FILE = ".pgf_owner.json"
"""Says who holds the lock; a reader sees the whole file or none."""

_PROBE = 1 << 12
_RANK_VARIABLES = {
    "pytorch": "RANK",
    "slurm": "SLURM_PROCID",
    "mpi": "OMPI_COMM_WORLD_RANK",
}
_NOT_WRITABLE = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EFBIG: "full",
    errno.EROFS: "read-only",
}
"""What only writing raises; other numbers, such as ENOENT, may be about the data."""


@contextmanager
def held(folder: str | Path, cfg: Config, wait: float = 0) -> Iterator[None]:
    """Hold a work dir for a run, and tell a disk that fills up; of several processes, the first.

    Args:
        folder: the work dir.
        cfg: of the run, which may be one of several processes.
        wait: as for :func:`claimed`.

    Raises:
        WorkDirError: as :func:`claimed` and :func:`write_errors_told`.
    """
    claim = claimed(folder, wait) if is_first_process(cfg) else nullcontext()
    with claim, write_errors_told(folder):
        yield


def is_first_process(cfg: Config) -> bool:
    """Whether this is the process of a run that writes, before mmengine has joined them."""
    variable = _RANK_VARIABLES.get(cfg.get("launcher") or "none", "")
    return os.environ.get(variable, "0") == "0"


@contextmanager
def claimed(folder: str | Path, wait: float = 0) -> Iterator[None]:
    """Make a work dir, see that it can be written, and hold it until the block ends.

    The lock is the operating system's and ends with the process that holds it, however that ends.

    Args:
        folder: the work dir.
        wait: seconds in which another process that holds it may end.

    Raises:
        WorkDirError: if the folder cannot be written to, or another process holds it.
    """
    folder = Path(folder)
    owner = folder / OWNER_FILE
    lock = FileLock(str(folder / LOCK_FILE))
    try:
        _try_to_write(folder)
        lock.acquire(timeout=wait)
    except Timeout as error:
        raise WorkDirError(_taken(folder, owner)) from error
    except OSError as error:
        raise _not_writable(folder, error) from error
    try:
        AtomicLocalBackend().put_text(json.dumps(_this_process()), owner)
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _try_to_write(folder: Path) -> None:
    """Write a file that has no name: on a full disk one can be made, but not filled."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_PROBE))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def write_errors_told(folder: str | Path) -> Iterator[None]:
    """Tell a disk that fills up, or turns read-only, with the folder and what is left there.

    Raises:
        WorkDirFailedError: in place of the error of the system.
    """
    told, logging.raiseExceptions = logging.raiseExceptions, False  # once, not by each log line
    try:
        yield
    except WorkDirError:
        raise
    except OSError as error:
        if (state := write_failure(error)) is None:
            raise
        raise WorkDirFailedError(
            f"work_dir {folder} has become {state} ({error.strerror}). {_left_there(Path(folder))}"
        ) from error
    finally:
        logging.raiseExceptions = told


def ends_all(error: Exception) -> bool:
    """Whether no further trial could go on after an error: the disk takes no more.

    Raises:
        Interrupted: if the error is what became of an interruption, which ends all, too.
    """
    pass_interruption(error)
    return isinstance(error, WorkDirError) or write_failure(error) is not None


def write_failure(error: BaseException) -> str | None:
    """Return ``'full'`` or ``'read-only'`` for an error of a disk that takes no more, else None."""
    return _NOT_WRITABLE.get(error.errno or 0) if isinstance(error, OSError) else None


def _left_there(folder: Path) -> str:
    newest = newest_checkpoint(folder)
    if newest is None:
        return "No whole checkpoint was written yet: make room and begin anew"
    return f"The newest whole checkpoint is still there, {newest}: make room and resume from it"


def _not_writable(folder: Path, error: OSError) -> WorkDirError:
    what = write_failure(error)
    return WorkDirError(
        f"work_dir {folder} {f'is {what}' if what else 'cannot be written to'} "
        f"({error.strerror or error}): {'make room, or ' if what == 'full' else ''}"
        "give another one (--work-dir DIR)"
    )


def _this_process() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "started": process_start(os.getpid()),
        "host": socket.gethostname(),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _taken(folder: Path, owner: Path) -> str:
    """Name the other process, as far as it told of itself, and what to do."""
    start = f"work_dir {folder} is in use by another process"
    advice = "Wait until it has ended, or give another folder (--work-dir DIR)"
    told = _read_owner(owner)
    if told is None:  # just begun, or of another version
        return f"{start}. {advice}"
    who = f"pid {told['pid']} on {told['host']}, since {told['since']}: {told['command']}"
    if not runs_here(told["pid"], told["host"], told["started"]):
        return (
            f"{start}, started by one that has ended ({who}), such as a worker of its data "
            "loader. Try again in a few seconds"
        )
    return f"{start} ({who}). {advice}"


def is_held(folder: Path) -> bool:
    """Whether a process holds a work dir, as far as it told; it is not asked for its lock."""
    told = _read_owner(folder / OWNER_FILE)
    return told is not None and runs_here(told["pid"], told["host"], told["started"])


def runs_here(pid: int, host: str, started: str | None = None) -> bool:
    """Whether a process is running; of one on another machine nothing else is known.

    Args:
        pid: of the process. Systems give it to another one, after the first has ended.
        host: its machine.
        started: its :func:`process_start`; None where that is not known.
    """
    if host != socket.gethostname() or os.name == "nt":  # signal 0 would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return started is None or process_start(pid) in (started, None)


def process_start(pid: int) -> str | None:
    """When a process began, which tells it from a later one of the same number.

    In ticks since the system began; None where the system (Linux does) or the process does not say.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[19]  # the name before may have spaces
    except (OSError, IndexError):
        return None


def _read_owner(owner: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(owner.read_text(encoding="utf-8"))
        words = {key: str(told[key]) for key in ("host", "since", "command")}
        started = told.get("started")  # earlier versions do not say
        return {"pid": int(told["pid"]), "started": started and str(started), **words}
    except (OSError, ValueError, KeyError, TypeError):
        return None

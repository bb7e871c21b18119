"""Checkpoint files: written whole or not at all, and the newest one that can be read."""

import json
import os
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from pgf_plugin.encodable import encodable
from pgf_plugin.errors import DataError

ATOMIC_BACKEND = "pgf_atomic"
"""Name of :class:`AtomicLocalBackend` in mmengine's ``backend_args=dict(backend=…)``."""

POINTER = "last_checkpoint"
"""File of mmengine that names the newest checkpoint of a work dir."""

EARLIER_RUNS = ".pgf_earlier_runs.json"
"""File of a work dir that names the checkpoints which its newest run did not write."""

_TEMPORARY = ".tmp"
_WRITTEN = re.compile(r".*_\d+\.pth")
_RESUMABLE = re.compile(r"(?!best_).*_\d+\.pth")


class AtomicLocalBackend(LocalBackend):
    """mmengine's local files, but a file has its old or its new content, never a part of one.

    A kill while a file is written leaves ``NAME.tmp`` behind, a full disk not even that.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``obj`` to ``filepath``."""
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + _TEMPORARY)
        try:
            with temporary.open("wb") as file:
                file.write(obj)
                file.flush()
                # Otherwise a power cut may keep the new name and lose the content.
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = "utf-8") -> None:
        """Write ``obj`` to ``filepath``; half a character in it becomes U+FFFD."""
        self.put(encodable(obj).encode(encoding), filepath)


register_backend(ATOMIC_BACKEND, AtomicLocalBackend, force=True)


def remove_unfinished(folder: Path) -> list[Path]:
    """Remove what killed runs left half-written, and return the paths."""
    unfinished = sorted(folder.glob(f"*.pth{_TEMPORARY}"))
    for path in unfinished:
        path.unlink(missing_ok=True)
    return unfinished


def remove_checkpoints(folder: Path) -> None:
    """Remove every checkpoint that a run wrote into ``folder``, the best ones among them."""
    remove_unfinished(folder)
    (folder / POINTER).unlink(missing_ok=True)
    for path in folder.glob("*.pth"):
        if _WRITTEN.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def is_intact(path: Path) -> bool:
    """Whether a checkpoint is complete and its checksums hold; nothing in it is unpickled."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError):
        return False


@dataclass(frozen=True)
class Resumable:
    """Where a run can go on.

    Attributes:
        path: the checkpoint; None where the work dir has none.
        damaged: newer ones that cannot be read, newest first.
    """

    path: Path | None
    damaged: tuple[Path, ...] = ()

    def warning(self) -> str | None:
        """What the user must know, naming both files; None where the newest file is fine."""
        if not self.damaged:
            return None
        names = ", ".join(map(str, self.damaged))
        return f"{names}: damaged or truncated; resuming from the one before, {self.path}"


def find_resumable(work_dir: Path) -> Resumable:
    """Return the newest checkpoint of a work dir that can be read.

    The one that mmengine's ``last_checkpoint`` names comes first, then the others from the last
    written to the first. Weights without the state of the training (``best_*``) are none, nor are
    checkpoints of earlier runs, see :func:`begin_anew`.

    Raises:
        DataError: if there are checkpoints and none can be read.
    """
    damaged: list[Path] = []
    for path in _candidates(work_dir):
        if is_intact(path):
            return Resumable(path, tuple(damaged))
        damaged.append(path)
    if damaged:
        names = ", ".join(map(str, damaged))
        raise DataError(
            f"{work_dir} has no checkpoint that can be read: {names} damaged or truncated. "
            "Delete them, or train without --resume, to begin anew"
        )
    return Resumable(None)


def newest_checkpoint(work_dir: Path) -> Path | None:
    """As :func:`find_resumable`, for a message: None where there is nothing to resume from."""
    try:
        return find_resumable(work_dir).path
    except (DataError, OSError):
        return None


def begin_anew(work_dir: Path) -> list[Path]:
    """Let the checkpoints in a work dir be those of earlier runs, from which none is resumed.

    Otherwise a run that begins in a used folder and is killed before its first checkpoint would
    be resumed from another run's.

    Returns:
        the checkpoints, newest first; they stay where they are.
    """
    earlier = _candidates(work_dir)
    content = {**_earlier_runs(work_dir), **{str(path.resolve()): _stamp(path) for path in earlier}}
    if earlier:
        AtomicLocalBackend().put_text(json.dumps(content), work_dir / EARLIER_RUNS)
    return earlier


def _earlier_runs(work_dir: Path) -> dict[str, list[int]]:
    try:
        content = json.loads((work_dir / EARLIER_RUNS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _stamp(path: Path) -> list[int]:
    """What changes when a run writes a file of the same name."""
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def _candidates(work_dir: Path) -> list[Path]:
    earlier = _earlier_runs(work_dir)
    return [
        path for path in _checkpoints(work_dir) if earlier.get(str(path.resolve())) != _stamp(path)
    ]


def _checkpoints(work_dir: Path) -> list[Path]:
    named = _named_by_pointer(work_dir)
    folder = named.parent if named else work_dir
    others = [
        path for path in folder.glob("*.pth") if _RESUMABLE.fullmatch(path.name) and path.is_file()
    ]
    others.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return ([named] if named else []) + [path for path in others if path != named]


def _named_by_pointer(work_dir: Path) -> Path | None:
    """The file that ``last_checkpoint`` names, also where the work dir has moved since."""
    try:
        text = (work_dir / POINTER).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return None
    named = Path(text)
    for path in (work_dir / named.name, named):
        if text and path.is_file():
            return path
    return None


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk, where the system can tell so."""
    if os.name == "nt":  # a folder cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Hidden states by key, on the disk: bounded in size, and shared by processes."""

import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from pgf_plugin.models.encoders.state_file import Record, StateFile, record_size

SUFFIX = ".states"


class StateStore:
    """Arrays by key, in files that are mapped into memory.

    Every process appends to a file of its own and reads those of all others, so that nothing is
    locked. Without a folder the file has no name: the system takes it back when the process ends,
    however it ends. What is damaged counts as not stored, and is stored anew. Copies and pickles of
    a store have its settings, and files of their own.

    Args:
        folder: where the files stay for later runs; None for one without a name, in the system's
            folder for temporary files.
        max_bytes: bytes of all files together, those of other encoders and processes in ``folder``
            among them. Beyond it nothing is stored, and nothing is thrown out.
    """

    def __init__(self, folder: Path | None, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._own: StateFile | None = None
        self._others: dict[str, StateFile | None] = {}
        self._places: dict[bytes, list[tuple[StateFile, Record]]] = {}
        self._told: set[str] = set()
        self._closed = False

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder, self.max_bytes)

    def get(self, digest: bytes) -> np.ndarray | None:
        """Return what was stored as ``digest``, its bytes (n,) uint8, read-only; None if nothing.

        Args:
            digest: key of ``DIGEST_BYTES`` bytes.
        """
        self._refuse_inherited()
        if not self._places.get(digest):
            self._look_around()
        places = self._places.get(digest, [])
        while places:
            file, record = places[-1]
            content = file.read(record)
            if content is not None:
                return content
            places.pop()  # another process may have stored it anew
            self._warn_once("damaged", "holds damaged states, which are computed again")
        return None

    def put(self, digest: bytes, array: np.ndarray) -> bool:
        """Store an array; say whether there was room."""
        self._refuse_inherited()
        if self._closed:
            return False
        try:
            if self._size() + record_size(array.nbytes) > self.max_bytes:
                if self.max_bytes:  # 0 asks for none
                    self._warn_once(
                        "full",
                        f"has reached max_bytes={self.max_bytes:,}: further states are computed "
                        "each time. Raise model.encoder.cache_frozen.max_bytes, or remove files "
                        "that are not needed",
                    )
                return False
            if self._own is None:
                self._own = StateFile(self._new_file())
            record = self._own.append(digest, array.tobytes())
            self._places.setdefault(digest, []).append((self._own, record))
        except OSError as error:
            self._closed = True
            self._warn_once("closed", f"takes no more states, which are computed: {error}")
            return False
        return True

    def _refuse_inherited(self) -> None:
        if self._process != os.getpid():  # a fork would write into its parent's file
            self._begin()

    def _new_file(self) -> Any:
        if self.folder is None:
            return tempfile.TemporaryFile(prefix="pgf-", suffix=SUFFIX, buffering=0)
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=SUFFIX, prefix="", dir=self.folder)
        self._others[Path(name).name] = None
        return open(handle, "r+b", buffering=0)

    def _paths(self) -> list[Path]:
        return [] if self.folder is None else sorted(self.folder.glob(f"*{SUFFIX}"))

    def _size(self) -> int:
        if self.folder is None:
            return 0 if self._own is None else self._own.size
        total = 0
        for path in self._paths():
            with suppress(FileNotFoundError):  # another process, or its user, removed it
                total += path.stat().st_size
        return total

    def _look_around(self) -> None:
        """Take note of what other processes, or earlier ones, have stored."""
        for path in self._paths():
            if path.name not in self._others:
                try:
                    self._others[path.name] = StateFile(path.open("rb", buffering=0))
                except OSError:  # somebody else's, or gone
                    self._others[path.name] = None
            file = self._others[path.name]
            if file is None:
                continue
            try:
                for record in file.records():
                    self._places.setdefault(record.digest, []).append((file, record))
            except ValueError as error:
                self._warn_once(path.name, f"holds the damaged file {path.name}: {error}")

    def _warn_once(self, what: str, message: str) -> None:
        if what not in self._told:
            self._told.add(what)
            place = "without a folder" if self.folder is None else str(self.folder)
            print_log(f"The cache of frozen layers ({place}) {message}", "current", logging.WARNING)

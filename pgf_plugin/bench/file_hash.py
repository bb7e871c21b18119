"""What is in a data file, as a hash: each file is read once."""

import hashlib
import json
from contextlib import suppress
from functools import cache
from pathlib import Path

from pgf_plugin.checkpoint_files import AtomicLocalBackend
from pgf_plugin.datasets.token_cache import user_cache


def file_hash(path: Path) -> str:
    """SHA-256 of a file, from the user's cache where its size and time have not changed."""
    state = path.stat()
    return _known_hash(path.resolve(), state.st_size, state.st_mtime_ns)


@cache  # for a user's cache that cannot be written, too
def _known_hash(path: Path, size: int, modified: int) -> str:
    key = f"{path}\0{size}\0{modified}"
    cached = user_cache() / "hashes" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):  # not there, or cut off
        known = json.loads(cached.read_text(encoding="utf-8"))
        if known["key"] == key:
            return str(known["sha256"])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with suppress(OSError):  # read-only: it is hashed again the next time
        AtomicLocalBackend().put_text(json.dumps({"key": key, "sha256": digest}), cached)
    return digest

"""Strict JSON, which every reader takes."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pgf_plugin.checkpoint_files import AtomicLocalBackend


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` to ``path`` atomically, as strict JSON: NaN and infinity become null."""
    AtomicLocalBackend().put_text(f"{json_text(content, indent=1)}\n", path)


def json_text(content: Any, indent: int | None = None) -> str:
    """Return ``content`` as strict JSON: NaN and infinity become null, foreign objects texts."""
    return json.dumps(_plain(content), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Return ``value`` as what JSON has; what a foreign dataset says may be anything."""
    if hasattr(value, "tolist"):  # arrays, tensors and their scalars
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)

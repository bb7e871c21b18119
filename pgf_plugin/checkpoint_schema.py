"""Which layout of this package's own parts a checkpoint has, and who wrote it."""

from collections.abc import Mapping
from typing import Any

import pgf_plugin
from pgf_plugin.errors import DataError

SCHEMA = 1
"""Version of what this package writes into checkpoints and files of weights.

It grows when an older version could no longer read what a newer one writes, or would read it as
something else: state dicts, ``pgf_resume``, ``pgf_bench``. A file without it is of no version in
particular, such as mmengine's own.
"""

META_KEY = "pgf_plugin"
"""Where ``meta`` of a checkpoint, and the metadata of a safetensors file, hold it."""


def schema_stamp() -> dict[str, Any]:
    """Return what is written under :data:`META_KEY`."""
    return {"schema": SCHEMA, "version": pgf_plugin.__version__}


def check_schema(meta: Any, name: object) -> None:
    """Refuse what a later version of this package wrote in a layout that this one does not know.

    Args:
        meta: of the file; anything but a mapping with :data:`META_KEY` passes.
        name: what the error calls the file.

    Raises:
        DataError: naming both versions, if the layout is a later one or is none.
    """
    stamp = meta.get(META_KEY) if isinstance(meta, Mapping) else None
    if stamp is None:
        return
    schema = stamp.get("schema") if isinstance(stamp, Mapping) else None
    if not isinstance(schema, int):
        raise DataError(f"{name} is not loaded: its schema version is no number, but {schema!r}")
    if schema > SCHEMA:
        raise DataError(
            f"{name} is not loaded: it has schema version {schema}, written by pgf_plugin "
            f"{stamp.get('version')}, and {pgf_plugin.__version__} here reads up to {SCHEMA}. "
            "Install that version or a later one: python -m pip install --upgrade pgf-plugin"
        )

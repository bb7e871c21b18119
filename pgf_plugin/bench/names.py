"""How a trial is called: in the table, and as a folder."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_LONGEST = 120
"""Bytes of a file name; most file systems take 255, and some add to it."""


def row_label(model: str, dataset: str = "", setting: str = "") -> str:
    """Return model, setting and dataset as one name, ``PGF-Net (rank=8) on MOSI``."""
    return f"{model}{setting and f' ({setting})'}{dataset and f' on {dataset}'}"


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The last parts of dotted keys, as many as it takes to tell them apart."""
    names = {}
    for key in keys:
        parts = key.split(".")
        tails = [".".join(parts[-length:]) for length in range(1, len(parts) + 1)]
        others = [f".{other}" for other in keys if other != key]
        names[key] = next(
            (tail for tail in tails if not any(o.endswith(f".{tail}") for o in others)), key
        )
    return names


def trial_folder(
    work_dir: Path, model: str, seed: int, dataset: str = "", setting: str = ""
) -> Path:
    """Where a trial writes: a folder each for dataset, model, setting (if any) and seed."""
    names = [slug(name) for name in (dataset, model, setting) if name]
    return work_dir.joinpath(*names, f"seed_{seed}")


def folder_clash(names: Iterable[str]) -> str | None:
    """Say that two of ``names`` would share a folder; None where each has its own.

    Upper and lower case count as one, as they are for file systems of macOS and Windows: there, a
    trial would take the other's checkpoint for its own.
    """
    names = list(names)
    if len({slug(name).casefold() for name in names}) == len(names):
        return None
    return f"two of {names} would share a folder (upper and lower case are one); name them apart"


def slug(name: str) -> str:
    """Return ``name`` as a file name; a long one ends in its hash."""
    plain = re.sub(r"[^\w.-]+", "_", name).lstrip(".") or "_"
    if len(plain.encode()) <= _LONGEST:
        return plain
    kept = plain.encode()[: _LONGEST - 9].decode(errors="ignore")
    return f"{kept}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"

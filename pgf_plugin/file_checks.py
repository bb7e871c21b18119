"""What a file from somebody else may hold, whatever reads it: bounded, and tensors for weights."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pgf_plugin.errors import DataError

EXPANSION = 100
"""How many times its own size a file may become when it is read.

Padding is compressed well, but what becomes a thousand times larger holds nothing but zeros.
"""

ALWAYS_ALLOWED = 1 << 30
"""Bytes that any file may become, however small it is."""

_TENSORS = (Tensor, nn.Parameter)
_PLAIN = (type(None), bool, int, float, str, *_TENSORS)

EXTRA_STATE = "_extra_state"
"""How torch calls what a module adds to its state dict, which may be any plain value."""


def largest_content(path: Path) -> int:
    """Return the bytes that the content of ``path`` may have in memory."""
    return max(ALWAYS_ALLOWED, EXPANSION * path.stat().st_size)


def check_archive(path: Path) -> None:
    """Refuse a zip archive (``.npz``, ``.pth``) that would fill the memory; read no entry of it.

    Raises:
        DataError: if its entries are bigger than :func:`largest_content`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
        return  # no archive; whoever reads it says so
    check_size(path, total)


def check_size(path: Path, size: int) -> None:
    """Refuse a content of ``size`` bytes that is out of proportion to its file.

    Raises:
        DataError: if it is bigger than :func:`largest_content`.
    """
    allowed = largest_content(path)
    if size > allowed:
        raise DataError(
            f"{path} is not loaded: its {path.stat().st_size:,} bytes would become {size:,}, and "
            f"at most {allowed:,} are read from a file of its size. If you trust it, write it "
            "again without compression"
        )


def state_dict_of(path: str | Path, content: Any) -> Mapping[str, Tensor]:
    """Return the state dict in the content of a checkpoint, or the content where it is one.

    Raises:
        DataError: if there is none.
    """
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping):
        raise DataError(f"{path} is not loaded: it holds {type(content).__name__}, no state dict")
    check_tensors(path, state)
    return state


def check_tensors(path: str | Path, state: Mapping[Any, Any]) -> None:
    """Refuse what is no plain tensor, or one that is bigger than the bytes it is made of.

    What a module adds to its state dict (``get_extra_state``) may be other plain values.

    Raises:
        DataError: naming the first entry that is none.
    """
    wrong = [
        name
        for name, value in state.items()
        if not is_plain_extra(name, value) and _is_no_tensor(name, value)
    ]
    if wrong:
        raise DataError(
            f"{path} is not loaded: {wrong[0]!r} in its state dict is no tensor with a name and "
            f"values ({len(wrong)} of {len(state)} are none)"
        )


def is_plain_extra(name: Any, value: Any) -> bool:
    """Whether an entry of a state dict is what a module adds, of plain values and no tensor."""
    if not isinstance(name, str) or not name.endswith(EXTRA_STATE) or isinstance(value, Tensor):
        return False
    return all(type(leaf) in _PLAIN for leaf in leaves(value))


def leaves(value: Any) -> Iterator[Any]:
    """What nested containers hold that is no container, each once: a file may hold itself."""
    left, seen = [value], set()
    while left:
        item = left.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Mapping):
            left += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set):
            left += item
        else:
            yield item


def _is_no_tensor(name: Any, value: Any) -> bool:
    return (
        not (isinstance(name, str) and name.isprintable() and type(value) in _TENSORS)
        or value.layout is not torch.strided
        or value.is_meta
        or value.nbytes > value.untyped_storage().nbytes()
    )

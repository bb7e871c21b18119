"""Pickles of numpy arrays and plain containers, read without executing anything they carry.

The file is mapped into memory, not read: arrays are read-only views of it, so that a file of
gigabytes opens in milliseconds and a page is read when it is first used. Do not change the file
while they are in use.
"""

import gc
import mmap
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np

from pgf_plugin.datasets.formats.pickle_builders import Builders, PickledArray, PickledDtype
from pgf_plugin.datasets.formats.pickle_machine import Budget, Builder, LazyText, PickleMachine
from pgf_plugin.datasets.formats.pickle_operations import run_pickle
from pgf_plugin.errors import DataError

_MALFORMED = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
    struct.error,
)
_MAX_DEPTH = 16
_MAX_ITEMS = 16 << 20
"""Items that all containers may have beyond one a byte of the file, shared ones counted again."""


def load_pickle(path: Path) -> Any:
    """Read a pickle of plain containers, strings, numbers and numpy arrays.

    Arrays are read-only and may lie in the mapped file. The texts of Python 2 are read as UTF-8
    where they are, or else as latin-1; where they are the content of an array they stay bytes.

    Raises:
        DataError: if the file names anything else (with that name), is truncated or malformed, or
            would take much more memory than its size.
    """
    collecting = gc.isenabled()
    gc.disable()  # it would search the growing containers again and again, and find nothing
    try:
        return _load(_mapped(path))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except _MALFORMED as error:
        raise DataError(
            f"{path} is truncated or no pickle ({type(error).__name__}: {error}): "
            "download it again, or check its size against the source"
        ) from error
    finally:
        if collecting:
            gc.enable()


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise EOFError("the file is empty")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _load(data: memoryview) -> Any:
    budget = Budget(len(data))
    builders = Builders(budget)
    value = run_pickle(PickleMachine(data, builders.find, builders.build, budget))
    return _Resolver(_MAX_ITEMS + len(data)).resolve(value, 0).value


class _Resolved:
    """A finished value, with what it would be if every shared part were written out."""

    __slots__ = ("depth", "items", "value")

    def __init__(self, value: Any, items: int = 1, depth: int = 0) -> None:
        self.value = value
        self.items = items
        self.depth = depth


class _Resolver:
    """Puts arrays and texts in the place of their stand-ins, in nested containers too."""

    def __init__(self, max_items: int) -> None:
        self.max_items = max_items
        self.done: dict[int, _Resolved] = {}

    def resolve(self, value: Any, depth: int) -> _Resolved:
        """Finish ``value``, which lies ``depth`` containers deep."""
        if isinstance(value, Builder | PickledDtype):
            raise DataError("the pickle holds a function or a dtype where data belong")
        if not isinstance(value, _STAND_INS):
            return _Resolved(value)
        found = self.done.get(id(value))
        if found is None:
            _check_depth(depth)
            found = self.done[id(value)] = self._finish(value, depth + 1)
        _check_depth(depth + found.depth - 1)
        return found

    def _finish(self, value: Any, depth: int) -> _Resolved:
        if isinstance(value, LazyText):
            return _Resolved(value.decode())
        if isinstance(value, memoryview):
            return _Resolved(bytes(value))
        if isinstance(value, PickledArray):
            array = value.value
            if not array.dtype.hasobject:
                return _Resolved(array)
            items, part = self._items(array.ravel(), depth)
            flat = np.fromiter(items, object, len(items))
            return _Resolved(flat.reshape(array.shape), part.items, part.depth)
        if isinstance(value, dict):
            keys, key_part = self._items(value, depth)
            items, part = self._items(value.values(), depth)
            whole = dict(zip(keys, items, strict=True))
            return _Resolved(whole, part.items + key_part.items, max(part.depth, key_part.depth))
        items, part = self._items(value, depth)
        return _Resolved(type(value)(items), part.items, part.depth)

    def _items(self, values: Any, depth: int) -> tuple[list[Any], _Resolved]:
        """The finished ``values``, and how many items and levels they are together."""
        items, count, deepest = [], 1, 0
        for value in values:
            if type(value) in _PLAIN:  # by far the most
                items.append(value)
                count += 1
                continue
            part = self.resolve(value, depth)
            items.append(part.value)
            count += part.items
            deepest = max(deepest, part.depth)
        if count > self.max_items:
            raise DataError(
                "the pickle shares containers so often that they would be more than "
                f"{self.max_items} items if written out"
            )
        return items, _Resolved(None, count, deepest + 1)


_PLAIN = frozenset((str, bytes, int, float, bool, type(None)))
_STAND_INS = (dict, list, tuple, set, frozenset, PickledArray, LazyText, memoryview)


def _check_depth(depth: int) -> None:
    if depth >= _MAX_DEPTH:
        raise DataError(f"the pickle nests containers more than {_MAX_DEPTH} deep")

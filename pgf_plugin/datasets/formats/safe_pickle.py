"""Pickles of numpy arrays and plain containers, read without executing anything they carry.

A pickle is a program: it may name any function of any module and have it called. The reader here
resolves nothing by import. A handful of names that arrays and containers need are replaced by own
functions which build only data; every other name is refused. Array state is never handed to
numpy's own ``__setstate__`` either, which trusts a crafted dtype with raw pointers.

Nor may a small file fill the memory. The unpickler is the one that is written in Python: that in C
makes room for 4 billion references where a file of ten bytes numbers one so. And a list that is
in the file once, but in other lists a thousand times, counts a thousand times.
"""

import pickle
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.errors import DataError
from pgf_plugin.file_checks import check_size

_MALFORMED = (
    pickle.UnpicklingError,
    struct.error,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ImportError,
    OverflowError,
    MemoryError,
    RecursionError,
)
_PLAIN_KINDS = "biufSU"
_MAX_DEPTH = 16
_NUMBER_BYTES = 8


def load_pickle(path: Path) -> Any:
    """Read a pickle of plain containers, strings, numbers and numpy arrays.

    Python 2 pickles are read with latin-1, as numpy's documentation asks for.

    Raises:
        DataError: if the file names anything else (with that name), is truncated or malformed, or
            would fill the memory.
    """
    with path.open("rb") as file:
        try:
            content = _RestrictedUnpickler(file, encoding="latin1").load()
            value, size = _Resolver().resolve(content)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        except _MALFORMED as error:
            raise DataError(
                f"{path} is truncated or no pickle ({type(error).__name__}: {error}): "
                "download it again, or check its size against the source"
            ) from error
    check_size(path, size)
    return value


class _RestrictedUnpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        builder = _BUILDERS.get(f"{module}.{name}")
        if builder is None:
            raise DataError(
                f"the pickle asks for {module}.{name}, which feature files do not need; it was "
                "refused and nothing was executed. Only numpy arrays and plain containers are "
                "read. If you trust the file, convert it to such yourself"
            )
        return builder

    def persistent_load(self, pid: Any) -> NoReturn:
        raise DataError(f"the pickle refers to an object outside the file ({pid!r})")


class _Sealed:
    """Something a pickle may hold a reference to, but not alter."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise DataError(f"the pickle sets the state of {type(self).__name__}, which has none")


class _Builder(_Sealed):
    """A function that a pickle may call."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)


class _Dtype(_Sealed):
    """The dtype of an array in the pickle: a plain one, in the byte order of its state."""

    __slots__ = ("dtype",)

    def __init__(self, name: Any) -> None:
        name = _text(name)
        dtype = np.dtype(name) if isinstance(name, str) else None
        if dtype is None or (dtype.kind not in _PLAIN_KINDS and dtype != np.dtype(object)):
            raise DataError(f"the pickle has an array of dtype {name!r}; numbers and text are read")
        self.dtype = dtype

    def __setstate__(self, state: Any) -> None:
        order = _text(state[1])
        if order not in ("<", ">", "|", "="):
            raise DataError(f"the pickle has a dtype of byte order {order!r}")
        if order in ("<", ">"):
            self.dtype = np.dtype(f"{order}{self.dtype.str[1:]}")


class _Array(_Sealed):
    """An array whose content comes with its state."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: NDArray = np.empty(0)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        self.value = _array(raw, dtype, shape, "F" if fortran else "C")


def _array(raw: Any, dtype: Any, shape: Any, order: str = "C") -> NDArray:
    kind = _plain_dtype(dtype)
    if kind.hasobject:
        if not isinstance(raw, list):
            raise DataError("the pickle has an array of objects without its list of objects")
        flat = _object_array(raw)
    else:
        flat = np.frombuffer(_raw_bytes(raw), kind)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _object_array(items: list[Any]) -> NDArray:
    flat = np.empty(len(items), object)
    flat[:] = items
    return flat


def _scalar(dtype: Any, raw: Any = b"") -> Any:
    kind = _plain_dtype(dtype)
    if kind.hasobject:
        return raw
    return np.frombuffer(_raw_bytes(raw), kind, count=1)[0]


def _plain_dtype(dtype: Any) -> np.dtype:
    if not isinstance(dtype, _Dtype):
        raise DataError(f"the pickle has an array of dtype {dtype!r}")
    return dtype.dtype


def _text(value: Any) -> Any:
    return value.decode("ascii") if isinstance(value, bytes) else value


def _raw_bytes(raw: Any) -> bytes | bytearray:
    if isinstance(raw, str):  # Python 2 wrote bytes as str
        return raw.encode("latin1")
    if not isinstance(raw, bytes | bytearray):
        raise DataError(f"the pickle has an array whose content is {type(raw).__name__}")
    return raw


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    # Protocol 2 writes bytes so. Other codecs decompress or transform, and are not needed.
    if not isinstance(text, str) or encoding != "latin1":
        raise DataError(f"the pickle asks for the codec {encoding!r}; only latin1 is read")
    return text.encode("latin1")


def _dtype(name: Any, *_: Any) -> _Dtype:
    return _Dtype(name)


def _empty_array(*_: Any) -> _Array:
    return _Array()


def _bytes(*args: Any) -> bytes:
    if args:
        raise DataError("the pickle builds bytes from arguments")
    return b""


def _set(items: Any = ()) -> set:
    return set(items)


def _dict(items: Any = ()) -> dict:
    return dict(items)


def _refuse_call(*_: Any) -> NoReturn:
    raise DataError("the pickle calls numpy.ndarray, which arrays in files do not need")


_BUILDERS: dict[str, _Builder] = {
    **{
        f"{module}.{name}": _Builder(function)
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name, function in (("_reconstruct", _empty_array), ("scalar", _scalar))
    },
    **{
        f"{module}._frombuffer": _Builder(_array)
        for module in ("numpy.core.numeric", "numpy._core.numeric")
    },
    **{
        f"{module}.{name}": _Builder(function)
        for module in ("builtins", "__builtin__")
        for name, function in (("bytes", _bytes), ("set", _set), ("frozenset", _set))
    },
    "numpy.dtype": _Builder(_dtype),
    "numpy.ndarray": _Builder(_refuse_call),
    "collections.OrderedDict": _Builder(_dict),
    "_codecs.encode": _Builder(_latin1),
}


class _Resolver:
    """Puts arrays in the place of their stand-ins, in nested containers too.

    What the file shares stays shared, and is resolved once.
    """

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, int]] = {}

    def resolve(self, value: Any, depth: int = 0) -> tuple[Any, int]:
        """Return ``value`` without stand-ins, and its bytes if nothing in it were shared."""
        if depth > _MAX_DEPTH:
            raise DataError(f"the pickle nests containers more than {_MAX_DEPTH} deep")
        if isinstance(value, _Builder | _Dtype):
            raise DataError("the pickle holds a function or a dtype where data belong")
        if isinstance(value, str | bytes | bytearray):
            return value, len(value)
        if not isinstance(value, dict | list | tuple | _Array):
            return value, _NUMBER_BYTES
        if id(value) not in self._done:
            self._done[id(value)] = self._resolve_container(value, depth + 1)
        return self._done[id(value)]

    def _resolve_container(self, value: Any, depth: int) -> tuple[Any, int]:
        if isinstance(value, dict):
            items, size = self._resolve_all(value.values(), depth)
            return dict(zip(value, items, strict=True)), size
        if isinstance(value, list | tuple):
            items, size = self._resolve_all(value, depth)
            return type(value)(items), size
        array = value.value
        if not array.dtype.hasobject:
            return array, array.nbytes
        items, size = self._resolve_all(array.ravel(), depth)
        return _object_array(items).reshape(array.shape), size

    def _resolve_all(self, values: Iterable[Any], depth: int) -> tuple[list[Any], int]:
        pairs = [self.resolve(value, depth) for value in values]
        return [value for value, _ in pairs], sum(size for _, size in pairs)

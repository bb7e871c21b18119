"""Pickles of numpy arrays and plain containers, read without executing anything they carry.

A pickle is a program: it may name any function of any module and have it called. The reader here
resolves nothing by import. A handful of names that arrays and containers need are replaced by own
functions which build only data; every other name is refused. Array state is never handed to
numpy's own ``__setstate__`` either, which trusts a crafted dtype with raw pointers.
"""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.errors import DataError

_MALFORMED = (
    pickle.UnpicklingError,
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


def load_pickle(path: Path) -> Any:
    """Read a pickle of plain containers, strings, numbers and numpy arrays.

    Python 2 pickles are read with latin-1, as numpy's documentation asks for.

    Raises:
        DataError: if the file names anything else (with that name), is truncated or malformed.
    """
    with path.open("rb") as file:
        try:
            return _resolve(_RestrictedUnpickler(file, encoding="latin1").load(), {}, 0)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        except _MALFORMED as error:
            raise DataError(
                f"{path} is truncated or no pickle ({type(error).__name__}: {error}): "
                "download it again, or check its size against the source"
            ) from error


class _RestrictedUnpickler(pickle.Unpickler):
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
        flat = np.empty(len(raw), object)
        flat[:] = raw
    else:
        flat = np.frombuffer(_raw_bytes(raw), kind)
    return flat.reshape(shape, order="F" if order == "F" else "C")


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


def _resolve(value: Any, done: dict[int, Any], depth: int) -> Any:
    """Put arrays in the place of their stand-ins, in nested containers too."""
    if depth > _MAX_DEPTH:
        raise DataError(f"the pickle nests containers more than {_MAX_DEPTH} deep")
    if isinstance(value, _Builder | _Dtype):
        raise DataError("the pickle holds a function or a dtype where data belong")
    if not isinstance(value, dict | list | tuple | _Array):
        return value
    if id(value) not in done:
        done[id(value)] = _resolve_container(value, done, depth + 1)
    return done[id(value)]


def _resolve_container(value: Any, done: dict[int, Any], depth: int) -> Any:
    if isinstance(value, dict):
        return {key: _resolve(item, done, depth) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_resolve(item, done, depth) for item in value])
    array = value.value
    if array.dtype.hasobject:
        items = np.empty(array.size, object)
        items[:] = [_resolve(item, done, depth) for item in array.ravel()]
        array = items.reshape(array.shape)
    return array

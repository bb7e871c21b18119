"""What a pickle of data may have built: numpy arrays and scalars, bytes, sets and dicts.

A handful of names that arrays and containers need are replaced by own functions which build only
data; every other name is refused. Array state is never handed to numpy's own ``__setstate__``
either, which trusts a crafted dtype with raw pointers.
"""

import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.formats.npy import check_empty
from pgf_plugin.datasets.formats.pickle_machine import Budget, Builder, LazyText, check_keys
from pgf_plugin.datasets.formats.texts import check_texts, describe
from pgf_plugin.errors import DataError

_PLAIN_DTYPE = re.compile(r"[<>|=]?([?biufSU]\d{0,9}|O8?)")


class PickledDtype:
    """The dtype of an array in the pickle: a plain one, in the byte order of its state."""

    __slots__ = ("dtype",)

    def __init__(self, name: Any) -> None:
        name = _text(name)
        # numpy parses what else it is given: lists of dtypes, with sizes and shapes.
        if not isinstance(name, str) or not _PLAIN_DTYPE.fullmatch(name):
            raise DataError(
                f"the pickle has an array of dtype {_shown(name)}; numbers and text are read"
            )
        self.dtype = np.dtype(name)

    def set_state(self, state: Any) -> None:
        """Take the byte order from ``state``; the rest of it repeats the name."""
        order = _text(state[1])
        if order not in ("<", ">", "|", "="):
            raise DataError(f"the pickle has a dtype of byte order {_shown(order)}")
        if order in ("<", ">"):
            self.dtype = np.dtype(f"{order}{self.dtype.str[1:]}")


class PickledArray:
    """An array whose content comes with its state."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: NDArray = np.empty(0)


class Builders:
    """What stands in for the names in a pickle.

    Args:
        budget: what memory may be claimed.
    """

    def __init__(self, budget: Budget) -> None:
        self._charge = budget.charge
        functions: dict[str, Callable[..., Any]] = {
            "numpy.ndarray": _refuse_call,
            "numpy.dtype": _dtype,
            "collections.OrderedDict": self._dict,
            "_codecs.encode": self._latin1,
        }
        for core in ("numpy.core", "numpy._core"):
            functions[f"{core}.multiarray._reconstruct"] = _empty_array
            functions[f"{core}.multiarray.scalar"] = _scalar
            functions[f"{core}.numeric._frombuffer"] = _array
        for builtins in ("builtins", "__builtin__"):
            functions[f"{builtins}.bytes"] = _no_bytes
            functions[f"{builtins}.set"] = functions[f"{builtins}.frozenset"] = self._set
        self._builders = {name: Builder(function) for name, function in functions.items()}

    def find(self, module: str, name: str) -> Builder:
        """The stand-in of ``module.name``.

        Raises:
            DataError: if feature files do not need that name.
        """
        builder = self._builders.get(f"{module}.{name}")
        if builder is None:
            hint = "If you trust the file, convert it to such yourself"
            if module.split(".")[0] == "torch":
                hint = "Save the tensors as numpy arrays (MMSA-FET does with return_type='np')"
            raise DataError(
                f"the pickle asks for {module}.{name}, which feature files do not need; it was "
                "refused and nothing was executed. Only numpy arrays and plain containers are "
                f"read. {hint}"
            )
        return builder

    def build(self, target: Any, state: Any) -> None:
        """Set the state of an array or a dtype.

        Raises:
            DataError: for any other ``target``.
        """
        if isinstance(target, PickledDtype):
            target.set_state(state)
        elif isinstance(target, PickledArray):
            _, shape, dtype, fortran, raw = state
            objects = _plain_dtype(dtype).hasobject
            flat = self._objects(raw) if objects else _flat(raw, dtype)
            target.value = _shaped(flat, shape, fortran=bool(fortran))
        else:
            raise DataError(f"the pickle sets the state of a {type(target).__name__}")

    def _objects(self, items: Any) -> NDArray:
        if not isinstance(items, list):
            raise DataError("the pickle has an array of objects without its list of objects")
        self._charge(8 * len(items))
        return np.fromiter(items, object, len(items))

    def _set(self, items: Any = ()) -> set:
        self._charge(216 + 100 * len(items))
        check_keys(items)
        return set(items)

    def _dict(self, items: Any = ()) -> dict:
        self._charge(64 + 100 * len(items))
        check_keys(key for key, _ in items)
        return dict(items)

    def _latin1(self, text: Any, encoding: Any = "latin1") -> bytes | memoryview:
        # Protocol 2 writes bytes so. Other codecs decompress or transform, and are not needed.
        if not isinstance(text, str | LazyText) or encoding != "latin1":
            raise DataError(
                f"the pickle asks for the codec {_shown(encoding)}; only latin1 is read"
            )
        raw = text.latin1() if isinstance(text, LazyText) else text.encode("latin1")
        self._charge(len(raw))
        return raw


def _array(raw: Any, dtype: Any, shape: Any, order: Any = "C", axes: Any = None) -> NDArray:
    flat = _flat(raw, dtype)
    if axes is None:
        return _shaped(flat, shape, fortran=order == "F")
    # numpy's _frombuffer() since 2.4: an array whose axes lie in another order, as they lie.
    plain = order == "K" and all(type(axis) is int for axis in axes)
    if not plain or sorted(axes) != list(range(len(shape))):
        raise DataError("the pickle has an array whose axes are none of its shape")
    return _shaped(flat, shape).transpose(axes)


def _shaped(flat: NDArray, shape: Any, *, fortran: bool = False) -> NDArray:
    array = flat.reshape(shape, order="F" if fortran else "C")
    check_empty(array.shape)
    return array


def _flat(raw: Any, dtype: Any) -> NDArray:
    # numpy refuses a dtype of objects here.
    return check_texts(np.frombuffer(_raw_bytes(raw), _plain_dtype(dtype)))


def _scalar(dtype: Any, raw: Any = b"") -> Any:
    kind = _plain_dtype(dtype)
    if kind.hasobject:
        return raw
    return check_texts(np.frombuffer(_raw_bytes(raw), kind, count=1))[0]


def _plain_dtype(dtype: Any) -> np.dtype:
    if not isinstance(dtype, PickledDtype):
        raise DataError(f"the pickle has an array of dtype {_shown(dtype)}")
    return dtype.dtype


def _shown(value: Any) -> str:
    # What is shared again and again in a tuple is written out again and again.
    return repr(value) if isinstance(value, str) else describe(value)


def _text(value: Any) -> Any:
    return value.decode("ascii") if isinstance(value, bytes) else value


def _raw_bytes(raw: Any) -> bytes | memoryview:
    if isinstance(raw, str):  # Python 2 wrote bytes as str
        return raw.encode("latin1")
    if isinstance(raw, LazyText):
        return raw.latin1()
    if not isinstance(raw, bytes | memoryview):
        raise DataError(f"the pickle has an array whose content is a {type(raw).__name__}")
    return raw


def _dtype(name: Any, *_: Any) -> PickledDtype:
    return PickledDtype(name)


def _empty_array(*_: Any) -> PickledArray:
    return PickledArray()


def _no_bytes(*args: Any) -> bytes:
    if args:
        raise DataError("the pickle builds bytes from arguments")
    return b""


def _refuse_call(*_: Any) -> NoReturn:
    raise DataError("the pickle calls numpy.ndarray, which arrays in files do not need")

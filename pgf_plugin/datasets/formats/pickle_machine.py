"""The stack machine that a pickle is a program for, over a buffer that is never copied.

Long byte strings stay views of the buffer. What the machine does with its stack, its memo and its
marks is in :mod:`pgf_plugin.datasets.formats.pickle_operations`.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pgf_plugin.errors import DataError

LAZY_BYTES = 256
"""Byte strings and texts of this length and more stay views."""

_INT_BYTES = 9
"""Longest integer: no number of a feature file needs more than uint64 and a sign."""

MAX_MARKS = 256
"""Containers that a pickle may have begun and not ended."""

MAX_KEY_PARTS = 16
"""Values in a tuple that is a key."""


class Budget:
    """Bytes of memory that a pickle may claim beyond its own payload.

    Pickles of data need a few bytes for each byte of the file; ones that are made to fill the
    memory need hundreds, or double what they have again and again.
    """

    BASE = 64 << 20
    PER_BYTE = 32

    def __init__(self, size: int) -> None:
        self.left = self.BASE + self.PER_BYTE * size

    def charge(self, count: int) -> None:
        """Take ``count`` bytes.

        Raises:
            DataError: if that is more than what is left.
        """
        self.left -= count
        if self.left < 0:
            raise DataError("the pickle would take far more memory than its size allows")


class LazyText:
    """A text, still encoded: a long one, or one that may be bytes.

    Args:
        view: the encoded text.
        plain: whether Python 2 wrote it, whose ``str`` is text in any encoding, or bytes.
    """

    __slots__ = ("plain", "view")

    def __init__(self, view: bytes | memoryview, *, plain: bool = False) -> None:
        self.view = view
        self.plain = plain

    def decode(self) -> str:
        """The text itself."""
        if not self.plain:
            return str(self.view, "utf-8", "surrogatepass")
        try:
            return str(self.view, "utf-8")
        except UnicodeDecodeError:
            return str(self.view, "latin-1")

    def latin1(self) -> bytes | memoryview:
        """The bytes that the text stands for where bytes were written as text."""
        return self.view if self.plain else self.decode().encode("latin-1")


_PLAIN_KEYS = frozenset((str, int, float, bool, bytes, type(None), LazyText, memoryview))


def check_keys(keys: Iterable[Any]) -> None:
    """Raise DataError for a key of a dict or an item of a set that may take long to hash.

    Python hashes a tuple by a call within a call for each one in it, and a shared one each time.
    """
    for key in keys:
        parts = key if type(key) is tuple and len(key) <= MAX_KEY_PARTS else (key,)
        for part in parts:
            if type(part) not in _PLAIN_KEYS and not isinstance(part, np.generic):
                raise DataError(
                    f"the pickle has a {type(part).__name__} in a key of a dict or an item of a "
                    f"set, where numbers, texts, bytes and tuples of up to {MAX_KEY_PARTS} of "
                    "those are read: convert the file to such keys yourself if you trust it"
                )


class Builder:
    """A function that a pickle may call."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


class PickleMachine:
    """The state of one pickle while it runs.

    Args:
        data: the pickle.
        find: ``find(module, name)`` gives the builder of that name, or refuses it.
        build: ``build(object, state)`` sets the state of what a builder made, or refuses to.
        budget: what memory may be claimed.
    """

    def __init__(
        self,
        data: memoryview,
        find: Callable[[str, str], Builder],
        build: Callable[[Any, Any], None],
        budget: Budget,
    ) -> None:
        self.data = data
        self.find = find
        self.build_state = build
        self.charge = budget.charge
        self.position = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    # Reading the buffer.

    def take(self, count: int) -> memoryview:
        """The next ``count`` bytes."""
        start = self.position
        self.position = end = start + count
        if end > len(self.data):
            raise EOFError(f"it ends {end - len(self.data)} bytes early")
        return self.data[start:end]

    def take_number(self, layout: struct.Struct) -> Any:
        """The next number in this layout."""
        start = self.position
        self.position = start + layout.size
        return layout.unpack_from(self.data, start)[0]

    def take_byte(self) -> int:
        """The next byte."""
        self.position += 1
        return self.data[self.position - 1]

    def take_line(self) -> str:
        """The text to the end of the line."""
        # A line is a name, a number or an escaped text: in steps, not to search the whole file.
        start = self.position
        step = 256
        while self.position < len(self.data):
            chunk = bytes(self.data[self.position : self.position + step])
            found = chunk.find(b"\n")
            if found >= 0:
                line = self.data[start : self.position + found]
                self.position += found + 1
                return str(line, "latin-1")
            self.position += len(chunk)
            step *= 2
        raise EOFError("it ends within a line")

    # Handling the stack.

    def push(self, value: Any) -> None:
        """Put ``value`` on the stack."""
        self.stack.append(value)

    def pop_mark(self) -> list[Any]:
        """Take everything above the last mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        self.charge(64 + 8 * len(items))
        return items

    def pop_tuple(self, count: int) -> None:
        """Put the last ``count`` values into a tuple."""
        start = len(self.stack) - count
        if start < 0:
            raise IndexError("the stack is too short")
        self.charge(64)
        self.stack[start:] = [tuple(self.stack[start:])]

    def remember(self, index: int) -> None:
        """Keep the last value under ``index``."""
        self.charge(100)
        self.memo[index] = self.stack[-1]

    def last(self, kind: type) -> Any:
        """The value on top of the stack, which must be of ``kind``."""
        value = self.stack[-1]
        if type(value) is not kind:
            raise DataError(f"the pickle adds items to a {type(value).__name__}")
        return value

    def push_bytes(self, count: int) -> None:
        """Put the next ``count`` bytes on the stack, a view if they are many."""
        view = self.take(count)
        self.stack.append(view if count >= LAZY_BYTES else bytes(view))

    def push_text(self, count: int) -> None:
        """Put the text in the next ``count`` bytes on the stack, undecoded if it is long."""
        text = LazyText(self.take(count))
        self.stack.append(text if count >= LAZY_BYTES else text.decode())

    def push_plain_text(self, raw: bytes | memoryview) -> None:
        """Put what Python 2 calls ``str`` on the stack: undecoded, where it may be bytes."""
        if len(raw) >= LAZY_BYTES:
            self.stack.append(LazyText(raw, plain=True))
        elif (short := bytes(raw)).isascii():
            self.stack.append(short.decode("ascii"))
        else:
            self.charge(200)
            self.stack.append(LazyText(short, plain=True))

    def push_integer(self, count: int) -> None:
        """Put the integer in the next ``count`` bytes on the stack."""
        if count > _INT_BYTES:
            raise DataError(f"the pickle has an integer of {count} bytes")
        self.stack.append(int.from_bytes(self.take(count), "little", signed=True))

    def set_items(self, items: list[Any]) -> None:
        """Add keys and values, in turn, to the dict on top of the stack."""
        target = self.last(dict)
        self.charge(100 * len(items))
        check_keys(items[::2])
        target.update(zip(items[::2], items[1::2], strict=True))

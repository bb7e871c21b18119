"""Texts, identifiers and descriptions of what pickles hold."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.encodable import encodable


def describe(content: Any) -> str:
    """What ``content`` is, in a few words, for messages."""
    if isinstance(content, Mapping):
        return f"a dict with the keys {keys_of(content)}"
    if isinstance(content, np.ndarray):
        return f"a ndarray {content.shape} of {content.dtype}"
    size = f" of {len(content)}" if isinstance(content, list | tuple) else ""
    return f"a {type(content).__name__}{size}"


def keys_of(content: Mapping[Any, Any], count: int = 20) -> list[str]:
    """The first keys of a dict in order, each cut to a length that a message can hold."""
    return sorted(str(key)[:40] for key in content)[:count]


def check_texts(array: NDArray) -> NDArray:
    """Return ``array`` if it holds no text that Python cannot represent; it would crash on one.

    Raises:
        ValueError: for such a text.
    """
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        points = np.frombuffer(array, array.dtype.byteorder.replace("|", "=") + "u4")
        if points.max() > sys.maxunicode:
            raise ValueError("a text has characters beyond Unicode")
    return array


def decode_text(text: Any) -> str:
    """A transcript as it may be pickled: text, UTF-8 bytes, words, or NaN for none.

    Half of a character, such as an emoji cut in two, becomes U+FFFD: no file and no tokenizer
    takes it.
    """
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    if isinstance(text, list | tuple | np.ndarray):
        return " ".join(decode_text(word) for word in text)
    return "" if text is None or text != text else encodable(str(text))


def decode_id(value: Any) -> str:
    """An identifier, whose parts (MulT's: video, begin and end) are joined by underscores."""
    if isinstance(value, list | tuple | np.ndarray):
        return "_".join(decode_text(part) for part in np.ravel(np.asarray(value, object)))
    return decode_text(value)

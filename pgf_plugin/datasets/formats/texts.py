"""Texts, identifiers and descriptions of what pickles hold."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def describe(content: Any) -> str:
    """What ``content`` is, in a few words, for messages."""
    if isinstance(content, Mapping):
        return f"a dict with the keys {sorted(map(str, content))[:8]}"
    if isinstance(content, np.ndarray):
        return f"a ndarray {content.shape} of {content.dtype}"
    size = f" of {len(content)}" if isinstance(content, list | tuple) else ""
    return f"a {type(content).__name__}{size}"


def decode_text(text: Any) -> str:
    """A transcript as it may be pickled: text, UTF-8 bytes, words, or NaN for none."""
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    if isinstance(text, list | tuple | np.ndarray):
        return " ".join(decode_text(word) for word in text)
    return "" if text is None or text != text else str(text)


def decode_id(value: Any) -> str:
    """An identifier, whose parts (MulT's: video, begin and end) are joined by underscores."""
    if isinstance(value, list | tuple | np.ndarray):
        return "_".join(decode_text(part) for part in np.ravel(np.asarray(value, object)))
    return decode_text(value)

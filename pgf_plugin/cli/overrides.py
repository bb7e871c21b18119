"""``--cfg-options KEY=VALUE …``: mmengine's, whose values may hold dicts and quoted texts, too."""

import argparse
import ast
import math
import re
from typing import Any

from mmengine.config import DictAction

_UNREADABLE = (AssertionError, ValueError, SyntaxError, TypeError, MemoryError, RecursionError)
_PYTHON = re.compile(r"""[\[({]*\s*(dict\(|\{\s*['"}]|['"])""")
"""How a value begins that mmengine could not read: with a dict or a quoted text."""

_OPENING = ("[", "(", "{", "'", '"')
_WORDS = ("True", "true", "False", "false", "None")
_SEVERAL = ("label_column", "split_column", "pauses")
"""Options of which there may be several."""


class Overrides(DictAction):
    """mmengine's ``DictAction``, which ends in a clear error where a value cannot be read.

    Numbers, ``True``, ``None``, texts without quotes, ``1,2``, ``[a,b]`` and ``(1,2)`` are read by
    mmengine. A value that begins with a dict or a quote, or is a list or tuple that does, is
    Python: ``[dict(type='ShuffleSteps')]``, ``{'audio': 0.5}``, ``"'query: '"``.
    """

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        read: dict[str, Any] = {}
        for value in values:
            key, equals, text = value.partition("=")
            if not equals:
                raise argparse.ArgumentError(
                    self,
                    f"{value!r} is not KEY=VALUE (what is no override stands before "
                    f"{option_string})",
                )
            try:
                read[key] = _spelled(key, self.read(key, text.strip()))
            except _UNREADABLE as error:
                raise argparse.ArgumentError(
                    self,
                    f"{value}: {error}. A value is written as in a config, such as 0.1, [a,b], "
                    "{'audio': 0.5} or [dict(type='ShuffleSteps')]",
                ) from error
        before = getattr(namespace, self.dest, None) or {}
        setattr(namespace, self.dest, {**before, **read})

    @staticmethod
    def read(key: str, text: str) -> Any:
        """The value of ``key`` that ``text`` writes."""
        return _value(text)


class ReaderOptions(Overrides):
    """Options of the readers of data: names of columns and files, which may look like anything.

    Whole numbers, ``True``, ``false``, ``None``, what begins with a bracket or a quote, and several
    columns with commas between are read as in a config; all else is text as it stands.
    """

    @staticmethod
    def read(key: str, text: str) -> Any:
        """The value that ``text`` writes."""
        if key in _SEVERAL and "," in text and text[0] not in _OPENING:
            return [name.strip() for name in text.split(",")]
        written = text.isdecimal() or text in _WORDS or text.startswith(_OPENING)
        return _value(text) if written else text


def _value(text: str) -> Any:
    if not any(sign in text for sign in ("'", '"', "{", "dict(")):
        return DictAction._parse_iterable(text)
    try:
        items = [_evaluated(item) for item in _items(text)]
    except _UNREADABLE as error:
        if _PYTHON.match(text):
            raise ValueError("it is no literal of Python") from error
        return DictAction._parse_iterable(text)
    one = len(items) == 1 and not text.endswith(",")
    return items[0] if one else items  # commas without brackets make a list


def _items(text: str) -> list[ast.expr]:
    """What stands between the outermost commas of ``text``."""
    tree = ast.parse(f"[{text}]", mode="eval").body
    if isinstance(tree, ast.List):
        return tree.elts
    raise ValueError("brackets end before the value does")


def _spelled(key: str, value: Any) -> Any:
    """Infinite decibels as text: mmengine writes the number so that no config can be read."""
    infinite = isinstance(value, float) and math.isinf(value)
    return str(value) if infinite and key.split(".")[-1] == "snr_db" else value


def _evaluated(node: ast.expr) -> Any:
    """What literals, ``dict(…)`` and ``float('inf')`` stand for; nothing else is called."""
    if isinstance(node, ast.List | ast.Tuple):
        items = [_evaluated(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Dict) and None not in node.keys:
        keys = [_evaluated(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_evaluated, node.values), strict=True))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "dict" and not node.args and all(each.arg for each in node.keywords):
            return {str(each.arg): _evaluated(each.value) for each in node.keywords}
        if node.func.id == "float" and len(node.args) == 1 and not node.keywords:
            return float(_evaluated(node.args[0]))
    return ast.literal_eval(node)

"""``--cfg-options KEY=VALUE …``: mmengine's, whose values may hold dicts and quoted texts, too."""

import argparse
import ast
import math
from typing import Any

from mmengine.config import DictAction

_BRACKETS = ("[", "(", "{", "dict(")


class Overrides(DictAction):
    """mmengine's ``DictAction``, which ends in a clear error where a value cannot be read.

    Numbers, ``True``, ``None``, texts without quotes, ``1,2``, ``[a,b]`` and ``(1,2)`` are read by
    mmengine. A value with a dict or with quotes is Python: ``[dict(type='ShuffleSteps')]``,
    ``{'audio': 0.5}``, ``"'query: '"``.
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
                read[key] = _spelled(_value(text))
            except (AssertionError, ValueError, SyntaxError, RecursionError) as error:
                raise argparse.ArgumentError(
                    self,
                    f"{value}: {error}. A value is written as in a config, such as 0.1, [a,b], "
                    "{'audio': 0.5} or [dict(type='ShuffleSteps')]",
                ) from error
        before = getattr(namespace, self.dest, None) or {}
        setattr(namespace, self.dest, {**before, **read})


def _value(text: str) -> Any:
    has_dict = text.startswith(_BRACKETS) and ("{" in text or "dict(" in text)
    if not has_dict and "'" not in text and '"' not in text:
        return DictAction._parse_iterable(text)
    try:
        node = ast.parse(text.strip(), mode="eval").body
        value = _evaluated(node)
    except (ValueError, SyntaxError) as error:
        if has_dict:
            raise ValueError("it is no literal of Python") from error
        return DictAction._parse_iterable(text)  # a text that holds an apostrophe
    # As mmengine has it, commas without brackets make a list.
    bare = isinstance(value, tuple) and not text.strip().startswith("(")
    return list(value) if bare else value


def _spelled(value: Any) -> Any:
    """``value`` with infinity as text: mmengine writes the number so that no config reads it."""
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_spelled(item) for item in value)
    return str(value) if isinstance(value, float) and math.isinf(value) else value


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

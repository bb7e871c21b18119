"""What a checkpoint says of the model that it was trained as, beside its weights.

Some settings decide a prediction and have no weights of their own, such as ``pooling`` or
``lora_alpha``: a file of other settings fits in silence.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from pgf_plugin.errors import shown

_UNSET = "not set"
_WITHOUT_EFFECT = {"pretrained", "architecture", "cache_frozen", "freeze", "loss", "init_cfg"}
"""Keys that no prediction of a trained model hangs on, or that are compared by the weights."""


def model_settings(config: Any) -> dict[str, Any]:
    """Find ``model = dict(…)`` in a config's text, which is parsed and not executed.

    Returns:
        dotted key to value, such as ``encoder.lora_rank``; empty where the text has no such line.
    """
    try:
        for statement in ast.parse(config).body:
            if _sets_model(statement):
                return dict(_flat(_plain(statement.value), ""))
    except (TypeError, SyntaxError, ValueError, RecursionError, MemoryError):
        pass  # a file may say anything
    return {}


def _sets_model(statement: ast.stmt) -> TypeGuard[ast.Assign]:
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id == "model"
        and isinstance(statement.value, ast.Call)
    )


def changed_settings(trained: Mapping[str, Any], model: Mapping[str, Any]) -> list[str]:
    """What decides predictions and differs between a file's model and a config's, a line each.

    Args:
        trained: what :func:`model_settings` found in the file.
        model: ``model`` of the config.
    """
    if not trained:
        return []
    here = dict(_flat(model, ""))
    return [
        f"model.{key}: {_told(trained, key)} in training, {_told(here, key)} here"
        for key in sorted(trained.keys() | here.keys())
        if not _is_without_effect(key) and _of(trained, key) != _of(here, key)
    ]


def _is_without_effect(key: str) -> bool:
    return any(part in _WITHOUT_EFFECT or "dropout" in part for part in key.split("."))


def _told(settings: Mapping[str, Any], key: str) -> str:
    return shown(settings[key]) if key in settings else _UNSET


def _of(settings: Mapping[str, Any], key: str) -> Any:
    value = settings.get(key)
    if key.rpartition(".")[2] == "type":  # a class, its import path, or its name in a registry
        return getattr(value, "__name__", str(value)).rpartition(".")[2]
    return list(value) if isinstance(value, tuple) else value


def _flat(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping) and (node or not path):
        for name, value in node.items():
            part = name if isinstance(name, str) and name.isidentifier() else repr(name)
            yield from _flat(value, f"{path}.{part}" if path else part)
    else:
        yield path, node


def _plain(node: ast.AST) -> Any:
    """The value of an expression of plain parts; of any other, its text."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {each.arg: _plain(each.value) for each in node.keywords if each.arg}
    if isinstance(node, ast.Dict):
        named = zip(node.keys, node.values, strict=True)
        return {_plain(key): _plain(value) for key, value in named if key is not None}
    if isinstance(node, ast.List | ast.Tuple):
        return [_plain(each) for each in node.elts]
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return ast.unparse(node)

"""Finds every value of a model config that a constructor refuses, without building weights."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from pgf_plugin.models.meta import build_on_meta


def refused_values(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Build ``model`` without weights; after each refused value, go on without it.

    A constructor stops at the first value that it refuses, and a researcher wants all of them. Its
    message begins with the argument's name, which is looked up in the config; the value is left
    out, and the model is built again.

    Yields:
        key of the argument (``'model.block.adapter.bottleneck'``; ``'model'`` where the message
        names none) and the message.
    """
    rest = deepcopy(dict(model))
    found = False
    while True:
        try:
            build_on_meta(rest)
            return
        except (ValueError, TypeError, KeyError, OSError, ImportError) as error:
            owner = _owner(rest, str(error))
            if owner is None:
                if not (found and isinstance(error, TypeError)):  # missing what was left out
                    yield "model", str(error)
                return
            key, node, name = owner
            yield f"{key}.{name}", str(error)
            del node[name]
            found = True
        except RuntimeError:  # a foreign constructor that needs real memory; the run will tell
            return


def _owner(model: dict[str, Any], message: str) -> tuple[str, dict[str, Any], str] | None:
    """The one node that has the argument with which ``message`` begins, and its key."""
    name = message.split(" ", 1)[0].rstrip(":").rpartition(".")[2]
    owners = [(key, node) for key, node in _nodes("model", model) if name in node]
    if len(owners) > 1:
        owners = [(key, node) for key, node in owners if f"got {node[name]!r}" in message]
    return (*owners[0], name) if len(owners) == 1 else None


def _nodes(key: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield key, value
        for name, item in value.items():
            yield from _nodes(f"{key}.{name}", item)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _nodes(f"{key}[{position}]", item)

"""Finds every value that a constructor refuses, by building again without the refused ones."""

import logging
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from pgf_plugin.errors import shown
from pgf_plugin.models.meta import build_on_meta

REFUSALS = (ValueError, TypeError, KeyError, AssertionError, OSError, ImportError)
"""What a constructor raises for a value; anything else is left to the run."""

_FIRST_WORD = re.compile(r"(?:[a-z ]+ of )?`*([\w.]+)")
_ALIASES = {"lr": "learning rate", "eps": "epsilon", "betas": "beta"}
"""How torch's optimizers call some of their arguments in messages."""

_MOST = 50
"""Values after which the search ends."""


def refused_values(model: Mapping[str, Any], *, complete: bool = True) -> Iterator[tuple[str, str]]:
    """Find what the constructors of a model and its parts refuse; nothing is read or allocated.

    Args:
        model: config of the model.
        complete: False if something was left out of the config already; then only errors that
            show a value of the config are reported, because others may come from what is missing.

    Yields:
        key of the argument (``'model.block.adapter.bottleneck'``; ``'model'`` where it cannot be
        told) and the message.
    """
    yield from search(build_on_meta, "model", model, complete=complete, by_value=False)


def search(
    build: Callable[[dict[str, Any]], Any],
    key: str,
    config: Mapping[str, Any],
    *,
    complete: bool = True,
    by_value: bool = True,
    excused: Collection[str] = (),
) -> Iterator[tuple[str, str]]:
    """Build ``config``; after each refused value, go on without it.

    A constructor stops at the first value that it refuses, and a researcher wants all of them.

    Args:
        build: called with a copy of the config.
        key: place of the config.
        config: arguments, nested.
        complete: as for :func:`refused_values`.
        by_value: as for :func:`find_blamed`.
        excused: messages that are no refusal of a value.
    """
    rest = deepcopy(dict(config))
    for _ in range(_MOST):
        try:
            with _quiet():
                build(deepcopy(rest))
            return
        except REFUSALS as error:
            message = text_of(error)
        except Exception:  # noqa: BLE001 - a foreign constructor; the run will tell
            return
        if message in excused:
            return
        blamed = find_blamed(key, rest, message, by_value=by_value)
        if not complete and (blamed is None or not _names(message, blamed[1][blamed[2]])):
            return
        if blamed is None:
            yield key, message
            return
        place, node, name = blamed
        yield f"{place}.{name}", _with_value(message, node[name])
        del node[name]
        complete = False


def text_of(error: Exception) -> str:
    """What an error says, without the quotes that a KeyError puts around it."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text or type(error).__name__


def find_blamed(
    key: str, config: dict[str, Any], message: str, *, by_value: bool = True
) -> tuple[str, dict[str, Any], str] | None:
    """Find the argument that an error is about.

    Args:
        key: place of ``config``.
        config: arguments, nested.
        message: what the error says. It is about the argument with whose name it begins.
        by_value: whether to take, where there is none, the argument that the message mentions or
            whose value it shows: right for one component, a guess for a whole model.

    Returns:
        key of the node, the node, and the argument's name; None where it cannot be told.
    """
    nodes = list(_nodes(key, config))
    found = _FIRST_WORD.match(message)
    first = found[1].rpartition(".")[2].lstrip("_") if found else ""
    owners = [(place, node, first) for place, node in nodes if first in node]
    if not owners and by_value:
        everything = [(place, node, name) for place, node in nodes for name in node]
        owners = [owner for owner in everything if _mentions(message, owner[2])] or everything
    if len(owners) > 1:
        owners = [owner for owner in owners if _names(message, owner[1][owner[2]])]
    return _innermost(owners[0], message) if len(owners) == 1 else None


def _innermost(
    owner: tuple[str, dict[str, Any], str], message: str
) -> tuple[str, dict[str, Any], str]:
    """Go on to the key inside a dict that the message shows: ``feature_dims`` to ``.audioo``."""
    place, node, name = owner
    inner = node[name]
    if isinstance(inner, dict) and "type" not in inner:
        shown_keys = [key for key in inner if f"got {key!r}" in message]
        if len(shown_keys) == 1:
            return f"{place}.{name}", inner, shown_keys[0]
    return owner


def _mentions(message: str, name: str) -> bool:
    words = f"{name}|{_ALIASES[name]}" if name in _ALIASES else name
    return re.search(rf"(?<![\w.])(?:{words})(?!\w)", message) is not None


def _names(message: str, value: Any) -> bool:
    """Whether ``message`` shows ``value``, or one of its items or keys."""
    if isinstance(value, list | tuple | dict) and value:
        return repr(value) in message or any(_names(message, item) for item in value)
    texts = {repr(value), str(value)} - {""}
    return any(re.search(rf"(?<![\w.]){re.escape(t)}(?![\w]|\.\d)", message) for t in texts)


def _with_value(message: str, value: Any) -> str:
    """``message``, with the value received where it does not show it."""
    return message if _names(message, value) else f"{message} (got {shown(value)})"


def _nodes(key: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield key, value
        for name, item in value.items():
            yield from _nodes(f"{key}.{name}", item)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _nodes(f"{key}[{position}]", item)


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is logged or warned of: the run, not its check, will say it."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

"""Finds every value that a constructor refuses, by building again without the refused ones."""

import logging
import re
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

from pgf_plugin.errors import shown
from pgf_plugin.models.meta import build_on_meta, is_of_meta

REFUSALS = (
    *(ValueError, TypeError, KeyError, AssertionError),
    *(ArithmeticError, OSError, ImportError),
)
"""What a constructor raises for a value; anything else is left to the run."""

Build = Callable[[dict[str, Any]], Any]

_FIRST_WORD = re.compile(r"(?:[a-z ]+ of )?[`_]*([\w.]+)")
_MOST = 50
"""Values after which the search ends."""


class Argument(NamedTuple):
    """An argument of a config: the key of its node, the node, and its name."""

    place: str
    node: dict[str, Any]
    name: str

    @property
    def value(self) -> Any:
        """What the config gives."""
        return self.node[self.name]


def refused_values(model: Mapping[str, Any], *, complete: bool = True) -> Iterator[tuple[str, str]]:
    """Find what the constructors of a model and its parts refuse; nothing is read or allocated.

    A constructor stops at the first value that it refuses, and a researcher wants all of them. Its
    message begins with the argument's name, which is looked up in the config.

    Args:
        model: config of the model.
        complete: False if something was left out of the config already. Then, and after the first
            refused value, an error counts only if it shows a value of the config: others may come
            from what is missing.

    Yields:
        key of the argument (``'model.block.adapter.bottleneck'``; ``'model'`` where it cannot be
        told) and the message.
    """
    rest = deepcopy(dict(model))
    for _ in range(_MOST):
        message = refusal(build_on_meta, rest)
        if message is None or is_of_meta(message):
            return
        blamed = _first_named("model", rest, message)
        if not complete and (blamed is None or not _shows(message, blamed)):
            return
        if blamed is None:
            yield "model", message
            return
        yield f"{blamed.place}.{blamed.name}", message
        del blamed.node[blamed.name]
        complete = False


def refused_arguments(
    build: Build,
    key: str,
    arguments: Mapping[str, Any],
    excused: str | None = None,
    left_out: Collection[str] = (),
) -> Iterator[tuple[str, str]]:
    """Find what the constructor of one component refuses.

    Its message may name no argument. The one without which the message changes is at fault.

    Args:
        build: called with a copy of the arguments.
        key: place of the component.
        arguments: those of the config.
        excused: a message that is no refusal of a value.
        left_out: names that are wrong already; a message that mentions one may come from its
            absence.

    Yields:
        key of the argument, or of the component where it cannot be told, and the message.
    """
    rest = dict(arguments)
    dropped = list(left_out)
    while (message := refusal(build, rest)) not in (None, excused):
        if any(_mentions(message, name) for name in dropped):
            return
        name = _at_fault(build, rest, message)
        if name is None:
            if not dropped:
                yield key, message
            return
        value = rest.pop(name)
        received = "" if "got" in message or _in_text(message, value) else f" (got {shown(value)})"
        yield f"{key}.{name}", message + received
        dropped.append(name)


def refusal(build: Build, arguments: Mapping[str, Any]) -> str | None:
    """What a constructor says against its arguments; None if nothing, or if it is left to the run.

    Nothing is logged or warned of meanwhile: the run will say it.
    """
    try:
        with _quiet():
            build(deepcopy(dict(arguments)))
    except REFUSALS as error:
        # Without the quotes that a KeyError puts around its message.
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        return str(text) or _last_line(error)
    except Exception:  # noqa: BLE001 - foreign code, such as one that needs real memory
        return None
    return None


def _last_line(error: Exception) -> str:
    """The line that raised an error without a message: a bare ``assert`` says what it wants."""
    frames = traceback.extract_tb(error.__traceback__)
    return (frames[-1].line if frames else None) or type(error).__name__


def _at_fault(build: Build, arguments: Mapping[str, Any], message: str) -> str | None:
    suspects: list[str] = []
    needed: list[str] = []
    for name in arguments:
        without = refusal(build, {key: arguments[key] for key in arguments if key != name})
        if without != message:
            (needed if _lacks(without, name) else suspects).append(name)
    shown_there = [name for name in arguments if _in_text(message, arguments[name])]
    suspects = suspects or shown_there or (needed if len(needed) == 1 else [])
    named = [name for name in suspects if _mentions(message, name)]
    return next(iter(named or suspects), None)


def _lacks(message: str | None, name: str) -> bool:
    """Whether an error says that the argument ``name`` is missing."""
    return message is not None and "missing" in message and repr(name) in message


def _first_named(key: str, config: dict[str, Any], message: str) -> Argument | None:
    """The one argument with whose name a message begins, and whose value it shows if several."""
    found = _FIRST_WORD.match(message)
    name = found[1].rpartition(".")[2] if found else ""
    owners = [Argument(place, node, name) for place, node in _nodes(key, config) if name in node]
    if len(owners) > 1:
        owners = [owner for owner in owners if _in_text(message, owner.value)]
    if len(owners) != 1:
        return None
    inner = owners[0].value
    if isinstance(inner, dict):  # feature_dims, for its key ``audioo``; encoder, for its pretrained
        keys = [
            key
            for key, value in inner.items()
            if f"got {key!r}" in message or (isinstance(value, str) and repr(value) in message)
        ]
        if len(keys) == 1:
            return Argument(f"{owners[0].place}.{name}", inner, keys[0])
    return owners[0]


def _shows(message: str, argument: Argument) -> bool:
    return f"got {argument.name!r}" in message or _in_text(message, argument.value)


def _mentions(message: str, name: str) -> bool:
    return re.search(rf"(?<![a-zA-Z0-9.]){re.escape(name)}(?!\w)", message) is not None


def _in_text(message: str, value: Any) -> bool:
    """Whether ``message`` shows ``value``, or one of its items."""
    if isinstance(value, list | tuple | dict) and value:
        return repr(value) in message or any(_in_text(message, item) for item in value)
    texts = {repr(value), str(value)} - {""}
    return any(re.search(rf"(?<![\w.]){re.escape(t)}(?!\w|\.\d)", message) for t in texts)


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
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

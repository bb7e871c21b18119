"""Compares the values of a config with type annotations.

Lenient where it cannot know: a built object, a class that is not listed here, a type variable. What
is refused is a plain value (number, string, list, dict) that no part of the annotation allows.
"""

import os
import types
from collections import OrderedDict, abc, defaultdict
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from torch import nn

from pgf_plugin.errors import did_you_mean, shown

_PLAIN = (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, Mapping)
_LISTS = (list, tuple, set, frozenset)


def fits(value: Any, annotation: Any) -> bool:
    """Whether ``value`` may be what ``annotation`` says; True where that cannot be known.

    Lists and tuples stand for each other, a whole number for an integer (``1e3``), 0, 1 and None
    for a bool, an integer for a float, a string for a path. Contents are compared as well.
    """
    if value is not None and not isinstance(value, _PLAIN):
        return True
    origin = get_origin(annotation) or annotation
    arguments = get_args(annotation)
    if origin in (Union, types.UnionType):
        parts = [part for part in arguments if not _is_opaque(part)]
        # Beside plain types, a class stands for its instances; alone, for what it is made of, too.
        known = any(part is not types.NoneType for part in parts)
        return any(fits(value, part) for part in (parts if known else arguments))
    if origin is Annotated:
        return fits(value, arguments[0])
    if origin is Literal:
        return any(type(value) is type(option) and value == option for option in arguments)
    if isinstance(origin, type) and issubclass(origin, nn.Module):
        return isinstance(value, Mapping)  # a config of one
    rule = _RULES.get(origin) if isinstance(origin, abc.Hashable) else None
    return rule is None or rule(value, arguments)


def _is_opaque(annotation: Any) -> bool:
    """Whether an annotation is a class of which nothing is known here."""
    known = annotation in _RULES or (
        isinstance(annotation, type) and issubclass(annotation, nn.Module)
    )
    return isinstance(annotation, type) and not get_origin(annotation) and not known


def describe(annotation: Any) -> str:
    """Say in words what ``annotation`` allows: ``'an integer or None'``."""
    origin = get_origin(annotation) or annotation
    arguments = get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(describe, arguments)))
    if origin is Annotated:
        return describe(arguments[0])
    if origin is Literal:
        listed = ", ".join(map(repr, arguments))
        return listed if len(arguments) == 1 else f"one of {listed}"
    if origin in _MAPPINGS:
        known = [describe(part) for part in arguments if part is not Any]
        return f"a dict ({' to '.join(known)})" if len(known) == 2 else "a dict"
    if origin in _SEQUENCES:
        return _describe_list(arguments)
    if origin in _WORDS:
        return _WORDS[origin]
    return getattr(origin, "__name__", str(origin))


def advice(value: Any, annotation: Any) -> str:
    """Guess what was meant by a value that does not fit: ``" Did you mean [1]?"``, or nothing."""
    if isinstance(value, str):
        options = [part for part in _literals(annotation) if isinstance(part, str)]
        if options:
            return did_you_mean(value, options)
        meant = _parsed(value)
        if meant is not None and fits(meant, annotation):
            return f" Did you mean {meant!r}, without quotes?"
        if fits({"type": value}, annotation):
            return f" Did you mean dict(type={value!r})?"
    if fits([value], annotation):
        return f" Did you mean [{shown(value, 40)}]?"
    return ""


def _parsed(text: str) -> Any:
    """The number or truth value that ``text`` spells; None for any other text."""
    named = {"true": True, "false": False}.get(text.lower())
    if named is not None:
        return named
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _literals(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [value for part in get_args(annotation) for value in _literals(part)]


def _is_bool(value: Any, _: tuple) -> bool:
    return value is None or (isinstance(value, Real) and value in (0, 1))


def _is_int(value: Any, _: tuple) -> bool:
    whole = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool)


def _is_float(value: Any, _: tuple) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_mapping(value: Any, arguments: tuple) -> bool:
    if not isinstance(value, Mapping):
        return False
    if len(arguments) != 2:
        return True
    of_keys, of_values = arguments
    return all(fits(key, of_keys) and fits(item, of_values) for key, item in value.items())


def _is_list(value: Any, arguments: tuple) -> bool:
    return isinstance(value, _LISTS) and all(
        fits(item, arguments[0]) for item in value if arguments
    )


def _is_tuple(value: Any, arguments: tuple) -> bool:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return _is_list(value, arguments[:1])
    if not arguments or not isinstance(value, _LISTS):
        return isinstance(value, _LISTS)
    return len(value) == len(arguments) and all(map(fits, value, arguments))


def _describe_list(arguments: tuple) -> str:
    if not arguments or arguments[0] is Any:
        return "a list"
    if len(arguments) == 1 or arguments[1] is Ellipsis:
        return f"a list ({describe(arguments[0])} each)"
    return f"a list of {len(arguments)} ({', '.join(map(describe, arguments))})"


_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping, OrderedDict, defaultdict)
_SEQUENCES = (list, tuple, set, frozenset, abc.Sequence, abc.MutableSequence, abc.Set)
_RULES: dict[Any, Callable[[Any, tuple], bool]] = {
    bool: _is_bool,
    int: _is_int,
    float: _is_float,
    str: lambda value, _: isinstance(value, str),
    None: lambda value, _: value is None,
    types.NoneType: lambda value, _: value is None,
    Path: lambda value, _: isinstance(value, str),
    os.PathLike: lambda value, _: isinstance(value, str),
    **dict.fromkeys(_MAPPINGS, _is_mapping),
    **dict.fromkeys(_SEQUENCES, _is_list),
    tuple: _is_tuple,
}
_WORDS = {
    bool: "True or False",
    int: "an integer",
    float: "a number",
    str: "a string",
    None: "None",
    types.NoneType: "None",
    Path: "a path",
    os.PathLike: "a path",
    Callable: "a function",
    Any: "anything",
}

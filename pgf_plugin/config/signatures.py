"""Which arguments a component takes, and which of a config's keys do not fit."""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pgf_plugin.errors import did_you_mean

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Arguments:
    """The arguments of a component.

    Attributes:
        accepted: every name it takes; None where it takes any.
        required: names without a default.
    """

    accepted: frozenset[str] | None
    required: tuple[str, ...]


def arguments_of(component: Callable[..., Any]) -> Arguments:
    """Read the arguments of a class or a function.

    Where a class passes ``**kwargs`` on, those of its bases count too.
    """
    if not inspect.isclass(component):
        return _of_callables([component], skip_first=False)
    chain = [vars(base)["__init__"] for base in component.__mro__ if "__init__" in vars(base)]
    return _of_callables(chain, skip_first=True)


def misfits(
    component: Callable[..., Any],
    given: Mapping[str, Any],
    supplied: Collection[str] | None = (),
    extra: Collection[str] = (),
) -> list[tuple[str, str]]:
    """Compare the keys of a config with the arguments of its component.

    Args:
        component: the class or function that ``type`` names.
        given: the config, without ``type``.
        supplied: arguments that whoever builds the component fills in; None where that is not
            known, and then no absence is reported.
        extra: keys that whoever builds the component takes out.

    Returns:
        (key, message) for each argument that is unknown or missing.
    """
    name = getattr(component, "__name__", str(component))
    arguments = arguments_of(component)
    found = []
    if arguments.accepted is not None:
        known = arguments.accepted | set(extra)
        settable = sorted(arguments.accepted - set(supplied or ()))
        found += [
            (
                key,
                f"{name} has no argument {key!r}.{did_you_mean(key, settable)} It takes "
                f"{', '.join(settable) or 'none'}",
            )
            for key in given
            if key not in known
        ]
    if supplied is not None:
        found += [
            (key, f"{name} needs the argument {key!r}")
            for key in arguments.required
            if key not in given and key not in supplied
        ]
    return found


def _of_callables(chain: list[Callable[..., Any]], *, skip_first: bool) -> Arguments:
    accepted: set[str] = set()
    required: tuple[str, ...] = ()
    for position, function in enumerate(chain):
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some built-ins have no signature
            return Arguments(None, required)
        named = [p for p in parameters[int(skip_first) :] if p.kind in _NAMED]
        accepted.update(parameter.name for parameter in named)
        if position == 0:
            required = tuple(p.name for p in named if p.default is p.empty)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return Arguments(frozenset(accepted), required)
        accepted.update(_strings(function))
    return Arguments(None, required)


def _strings(function: Callable[..., Any]) -> set[str]:
    """String constants of a function: the names that it may take out of its ``**kwargs``."""
    code = getattr(function, "__code__", None)
    return {value for value in code.co_consts if isinstance(value, str)} if code else set()

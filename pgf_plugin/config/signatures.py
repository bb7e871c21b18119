"""Which arguments a component takes, and which of a config's keys and values do not fit."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, get_type_hints

from pgf_plugin.config.annotations import advice, describe, fits
from pgf_plugin.config.engine_types import ENGINE_TYPES
from pgf_plugin.config.passed_on import taken_before_super
from pgf_plugin.errors import did_you_mean, shown

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Arguments:
    """The arguments of a component.

    Attributes:
        accepted: every name it takes; None where it takes any.
        required: names without a default.
        types: name to annotation, of those that are annotated.
        defaults: name to default value.
    """

    accepted: frozenset[str] | None
    required: tuple[str, ...]
    types: Mapping[str, Any]
    defaults: Mapping[str, Any]


def arguments_of(component: Callable[..., Any]) -> Arguments:
    """Read the arguments of a class or a function.

    Where a class passes its ``**kwargs`` to ``super().__init__``, those of its bases count too.
    Where it does anything else with them, it takes any.
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
    """Compare a config with the arguments of its component.

    Args:
        component: the class or function that ``type`` names.
        given: the config, without ``type``.
        supplied: arguments that whoever builds the component fills in; None where that is not
            known, and then no absence is reported.
        extra: keys that whoever builds the component takes out.

    Returns:
        (key, message) for each argument that is unknown, missing, or of another type than its
        annotation says.
    """
    arguments = arguments_of(component)
    given = {key: value for key, value in given.items() if key not in extra}
    name = component_name(component)
    found = list(_unknown(name, arguments, given, supplied or ()))
    if supplied is not None:
        found += [
            (key, needed(component, key))
            for key in arguments.required
            if key not in given and key not in supplied
        ]
    return found + list(_mistyped(arguments, given))


def component_name(component: Callable[..., Any]) -> str:
    """Name of a class or function, for messages."""
    return getattr(component, "__name__", None) or type(component).__name__


def needed(component: Callable[..., Any], argument: str) -> str:
    """What to say of an argument that is missing."""
    types = arguments_of(component).types
    kind = f", {describe(types[argument])}" if argument in types else ""
    return f"{component_name(component)} needs the argument {argument!r}{kind}"


def type_problem(value: Any, annotation: Any) -> str | None:
    """What is wrong with a value that does not fit its annotation; None if nothing is."""
    if fits(value, annotation):
        return None
    return f"must be {describe(annotation)}, got {shown(value)}.{advice(value, annotation)}".rstrip(
        "."
    )


def _unknown(
    name: str, arguments: Arguments, given: Mapping[str, Any], supplied: Collection[str]
) -> Iterator[tuple[str, str]]:
    if arguments.accepted is None:
        return
    settable = sorted(arguments.accepted - set(supplied))
    for key, value in given.items():
        if key not in arguments.accepted:
            yield (
                key,
                f"{name} has no argument {key!r} (got {shown(value)})."
                f"{did_you_mean(key, settable)} It takes {', '.join(settable) or 'none'}",
            )


def _mistyped(arguments: Arguments, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in given.items():
        if key not in arguments.types or _is_default(arguments, key, value):
            continue
        if problem := type_problem(value, arguments.types[key]):
            yield key, problem


def _is_default(arguments: Arguments, key: str, value: Any) -> bool:
    """Whether a value is the default, which is right whatever the annotation says."""
    if key not in arguments.defaults:
        return False
    default = arguments.defaults[key]
    return value is default or (type(value) is type(default) and bool(value == default))


def _of_callables(chain: list[Callable[..., Any]], *, skip_first: bool) -> Arguments:
    accepted: set[str] = set()
    required: tuple[str, ...] = ()
    types: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for position, function in enumerate(chain):
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some built-ins have no signature
            return Arguments(None, required, types, defaults)
        named = [p for p in parameters[int(skip_first) :] if p.kind in _NAMED]
        annotations = _annotations(function)
        for parameter in named:
            if parameter.name in accepted:  # a subclass says it anew
                continue
            if parameter.name in annotations:
                types[parameter.name] = annotations[parameter.name]
            if parameter.default is not parameter.empty:
                defaults[parameter.name] = parameter.default
        accepted.update(parameter.name for parameter in named)
        if position == 0:
            required = tuple(p.name for p in named if p.default is p.empty)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return Arguments(frozenset(accepted), required, types, defaults)
        taken = taken_before_super(function)
        if taken is None:
            break
        accepted.update(taken)
    return Arguments(None, required, types, defaults)


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Annotations by parameter; none where they name what is not there at run time."""
    function = inspect.unwrap(function)
    found: dict[str, Any] = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        alone = SimpleNamespace(__annotations__={name: annotation})
        with suppress(NameError, TypeError, AttributeError, SyntaxError):
            found |= get_type_hints(alone, getattr(function, "__globals__", {}))
    owner = getattr(function, "__qualname__", "").removesuffix(".__init__")
    engine = getattr(function, "__module__", None) or ""
    if engine.partition(".")[0] in ("mmengine", "torch"):
        found |= ENGINE_TYPES.get(owner, {})
    return found


def string_constants(function: Callable[..., Any]) -> set[str]:
    """String constants of a function that are names: those that it may read of a dict."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    constants = code.co_consts if code else ()
    return {value for value in constants if isinstance(value, str) and value.isidentifier()}

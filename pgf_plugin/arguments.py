"""Declared checks of a constructor's arguments, which `pgf check` can run without constructing.

A component that reads files when it is built declares what can be said of its arguments alone::

    class MyDataset(Dataset):
        @checked_arguments(split=one_of("train", "val", "test"), max_tokens=check_positive_int)
        def __init__(self, file, split, max_tokens=256): ...
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pgf_plugin.errors import check_one_of

Check = Callable[[str, Any], Any]
"""Takes an argument's name and value; raises ValueError for a value that is not allowed."""

Relation = Callable[[Mapping[str, Any]], None]
"""Takes all arguments, defaults included; raises ValueError where two contradict each other. The
message begins with the name of one of them."""

F = TypeVar("F", bound=Callable[..., Any])
_DECLARED = "_pgf_argument_checks"


def checked_arguments(*relations: Relation, **checks: Check) -> Callable[[F], F]:
    """Check the arguments of a function or constructor before it runs.

    Args:
        relations: checks of all arguments together.
        checks: argument to its check.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            for _, error in _errors(relations, checks, bound.arguments):
                raise error
            return function(*args, **kwargs)

        setattr(checked, _DECLARED, (relations, checks))
        return checked  # type: ignore[return-value]

    return decorate


def declared_problems(
    component: Callable[..., Any], given: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Find what the declared checks of a component refuse, without building it.

    Args:
        component: a class or a function; nothing is found where it declares nothing.
        given: arguments of a config; one that is missing has its default.

    Yields:
        argument and message.
    """
    function = component.__init__ if inspect.isclass(component) else component
    declared = getattr(function, _DECLARED, None)
    if declared is None:
        return
    relations, checks = declared
    parameters = inspect.signature(function).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    for name, error in _errors(relations, checks, {**defaults, **given}, given):
        yield name, str(error)


def optional(check: Check) -> Check:
    """Let None pass as well."""
    return lambda key, value: None if value is None else check(key, value)


def one_of(*options: Any) -> Check:
    """Allow ``options`` alone."""
    return lambda key, value: check_one_of(key, value, options)


def _errors(
    relations: tuple[Relation, ...],
    checks: Mapping[str, Check],
    arguments: Mapping[str, Any],
    given: Mapping[str, Any] | None = None,
) -> Iterator[tuple[str, ValueError]]:
    """Every argument that is refused; relations count where each argument alone is right."""
    right = True
    for name, check in checks.items():
        if name not in (arguments if given is None else given):
            continue
        try:
            check(name, arguments[name])
        except ValueError as error:
            right = False
            yield name, error
    for relation in relations if right else ():
        try:
            relation(arguments)
        except ValueError as error:
            yield str(error).partition(" ")[0].partition("=")[0].partition(".")[0], error

"""Executors by name: where the trials of a bench run."""

import inspect
from collections.abc import Mapping
from typing import Any

from pgf_plugin.bench.executors.base import Executor
from pgf_plugin.bench.executors.local import LocalExecutor
from pgf_plugin.bench.executors.ray import RayExecutor
from pgf_plugin.bench.executors.serial import SerialExecutor
from pgf_plugin.errors import ConfigError, check_one_of, did_you_mean, shown

__all__ = ["EXECUTORS", "Executor", "LocalExecutor", "RayExecutor", "SerialExecutor", "build"]

EXECUTORS: dict[str, type[Executor]] = {
    "serial": SerialExecutor,
    "local": LocalExecutor,
    "ray": RayExecutor,
}
"""What ``bench.executor`` may name."""

KEY = "bench.executor"


def build(value: Any = None, **overrides: Any) -> Executor:
    """Build the executor that a config or a command line names.

    Args:
        value: a name, or ``dict(type=name, **arguments)``; None for ``'serial'``.
        overrides: arguments that are not None replace those of ``value``.

    Raises:
        ConfigError: for an unknown name, argument or value, with what is allowed.
        MissingExtraError: if it needs an extra that is not installed.
    """
    arguments: dict[str, Any] = dict(value) if isinstance(value, Mapping) else {"type": value}
    name = arguments.pop("type", None)
    arguments |= {key: given for key, given in overrides.items() if given is not None}
    try:
        kind = EXECUTORS[check_one_of(KEY, "serial" if name is None else name, EXECUTORS)]
        _check_names(kind, str(name or "serial"), arguments)
        return kind(**arguments)
    except ConfigError:
        raise
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{error}" if KEY in str(error) else f"{KEY}: {error}") from error


def _check_names(kind: type[Executor], name: str, arguments: Mapping[str, Any]) -> None:
    allowed = [
        p for p in inspect.signature(kind).parameters if kind.__init__ is not object.__init__
    ]
    for key, value in arguments.items():
        if key not in allowed:
            takes = f"takes {', '.join(allowed)}" if allowed else "takes no argument"
            raise ConfigError(
                f"{KEY}.{key}: the executor {name!r} {takes}, got {key}={shown(value)}."
                f"{did_you_mean(key, allowed)}"
            )

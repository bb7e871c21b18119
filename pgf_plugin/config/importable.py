"""Classes and functions in a config, by the names that import them."""

from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any

from mmengine.config import Config

from pgf_plugin.errors import ConfigError


def name_imported(config: Config) -> None:
    """Put the dotted path of every class and function of a config in the place of it.

    What is built from it is the same; but it can be written to a file, and compared with what
    another process has.

    Raises:
        ConfigError: for one that no import reaches, such as a lambda, naming its key.
    """
    for key, value in config.to_dict().items():
        config[key] = _by_name(value, key)


def _by_name(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _by_name(item, f"{key}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_by_name(item, f"{key}[{place}]") for place, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if not isinstance(value, type | FunctionType | BuiltinFunctionType):
        return value
    if "<" in value.__qualname__:  # <locals>, <lambda>
        raise ConfigError(
            f"{key}: no import reaches {value.__qualname__!r}, got {value!r}: define it at the top "
            "of a module"
        )
    return f"{value.__module__}.{value.__qualname__}"

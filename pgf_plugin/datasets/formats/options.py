"""Options of the readers that name columns, words or files, as a config or a command has them."""

from pathlib import Path
from typing import Any

from pgf_plugin.errors import ConfigError

NONE = "none"
"""What leaves something out, although it is there."""


def column_name(option: str, value: Any) -> str | None:
    """A name of a column; of a column that is named by a number, the number will do.

    Raises:
        ConfigError: if ``value`` is neither, nor None.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{option} must be the name of a column, got {value!r}")
    return str(value)


def column_names(option: str, value: Any) -> list[str]:
    """The names of one column or several, as :func:`column_name` reads them; none for None."""
    several = value if isinstance(value, list | tuple) else [value]
    return [name for each in several if (name := column_name(option, each)) is not None]


def text_list(option: str, value: Any) -> list[str]:
    """One text, or several in a list.

    Raises:
        ConfigError: if ``value`` is neither.
    """
    several = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(each, str) for each in several):
        raise ConfigError(f"{option} must be text, or a list of texts, got {value!r}")
    return list(several)


def file_path(option: str, value: Any) -> Path:
    """The path of a file, with ``~`` expanded.

    Raises:
        ConfigError: if ``value`` is no path.
    """
    if not isinstance(value, str | Path):
        raise ConfigError(f"{option} must be the path of a file, got {value!r}")
    return Path(value).expanduser()

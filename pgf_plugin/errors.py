"""Errors that name the key, the value received, what is allowed, and what to do.

Every check of user input in the package goes through these helpers, so that the messages read
alike and no component writes its own wording.
"""

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import Any, TypeGuard


class ConfigError(ValueError):
    """A config names something that cannot work; the message lists every problem found."""


class DataError(ValueError):
    """A data file or sample is not what the config or the format promises."""


class WorkDirError(OSError):
    """A work directory cannot be written to, or another process writes to it."""


class WorkDirFailedError(WorkDirError):
    """A work directory took no more in the middle of a run, which can be resumed."""


class MissingExtraError(ImportError):
    """An optional dependency is needed; the message has the command that installs it."""


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return ``" Did you mean 'X'?"`` for the nearest of ``options``, or an empty string."""
    by_lower = {option.lower(): option for option in options}
    near = get_close_matches(str(name).lower(), list(by_lower), n=1, cutoff=0.5)
    return f" Did you mean {by_lower[near[0]]!r}?" if near else ""


def misspelt(name: Any, options: Iterable[str]) -> str | None:
    """Return the one of ``options`` that ``name`` is one or two letters away from, if any."""
    near = get_close_matches(str(name), list(options), n=1, cutoff=0.9)
    return near[0] if near and near[0] != name else None


def shown(value: Any, limit: int = 80) -> str:
    """``repr(value)`` for a message, cut after ``limit`` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether ``value`` is an int or a float, and not True or False."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_positive_int(key: str, value: Any, *, at_least: int = 1) -> int:
    """Return ``value`` if it is an integer ``>= at_least``.

    Raises:
        ValueError: naming ``key``, the value received, and the bound.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ValueError(f"{key} must be an integer >= {at_least}, got {value!r}")
    return value


def check_seed(key: str, value: Any) -> int:
    """Return ``value`` if it can seed numpy and torch.

    Raises:
        ValueError: naming ``key``, the value received, and the bounds.
    """
    if check_positive_int(key, value, at_least=0) >= 2**32:
        raise ValueError(f"{key} must be an integer below 2**32, got {value!r}")
    return value


def check_heads(num_heads: Any, width: int, key: str = "the width") -> int:
    """Return ``num_heads`` if it is a number of attention heads that a width can be parted into.

    Args:
        num_heads: number of heads.
        width: of all heads together.
        key: what the width is called.

    Raises:
        ValueError: naming the value received, and the width.
    """
    if width % check_positive_int("num_heads", num_heads):
        name = key.removeprefix("the ")
        raise ValueError(f"num_heads must divide {key}: got num_heads={num_heads}, {name}={width}")
    return num_heads


def check_bool(key: str, value: Any) -> bool:
    """Return ``value`` if it is True or False.

    Raises:
        ValueError: naming ``key`` and the value received.
    """
    if value is not True and value is not False:
        raise ValueError(f"{key} must be True or False, got {value!r}")
    return value


def check_positive(key: str, value: Any) -> float:
    """Return ``value`` if it is a finite number above 0.

    Raises:
        ValueError: naming ``key``, the value received, and what is allowed.
    """
    if not is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"{key} must be a finite number > 0, got {value!r}")
    return float(value)


def check_finite(key: str, value: Any) -> float:
    """Return ``value`` if it is a finite number.

    Raises:
        ValueError: naming ``key``, the value received, and what is allowed.
    """
    if not is_number(value) or not math.isfinite(value):
        raise ValueError(f"{key} must be a finite number, got {value!r}")
    return float(value)


def check_fraction(key: str, value: Any) -> float:
    """Return ``value`` if it lies in [0, 1), as a dropout rate does.

    Raises:
        ValueError: naming ``key``, the value received, and the interval.
    """
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{key} must be a number in [0, 1), got {value!r}")
    return float(value)


def check_probability(key: str, value: Any) -> float:
    """Return ``value`` if it lies in [0, 1], both ends allowed.

    Raises:
        ValueError: naming ``key``, the value received, and the interval.
    """
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{key} must be a number in [0, 1], got {value!r}")
    return float(value)


def check_range(key: str, value: Any) -> tuple[float, float]:
    """Return ``value``, a range, as floats.

    Raises:
        ValueError: unless it is two finite numbers, the lower one first.
    """
    ends = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    if (
        len(ends) != 2
        or not all(map(is_number, ends))
        or not -math.inf < ends[0] < ends[1] < math.inf
    ):
        raise ValueError(f"{key} must be two finite numbers (low, high), low < high, got {value!r}")
    return float(ends[0]), float(ends[1])


def check_decibels(key: str, value: Any) -> float:
    """Return ``value`` if it is a number of decibels in -300 … 300, or ``'-inf'`` or ``'inf'``.

    The infinite ones may be floats, too; but mmengine writes those to configs so that no config can
    be read from the file.

    Raises:
        ValueError: naming ``key``, the value received, and what is allowed.
    """
    if value in ("-inf", "inf"):
        return float(value)
    if not is_number(value) or not (abs(value) <= 300 or math.isinf(value)):
        raise ValueError(
            f"{key} must be a number of decibels between -300 and 300, or '-inf' (noise alone) or "
            f"'inf' (no noise), got {value!r}"
        )
    return float(value)


def check_one_of(key: str, value: Any, options: Iterable[Any]) -> Any:
    """Return ``value`` if it is one of ``options``.

    Raises:
        ValueError: naming ``key``, the value received, the options, and the nearest of them.
    """
    options = list(options)
    if value not in options:
        hint = did_you_mean(str(value), map(str, options))
        allowed = ", ".join(map(repr, options))
        raise ValueError(f"{key} must be one of {allowed}, got {value!r}.{hint}")
    return value


def check_text(key: str, value: Any) -> str:
    """Return ``value`` if it is a string that is not empty.

    Raises:
        ValueError: naming ``key`` and the value received.
    """
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} must be a string that is not empty, got {value!r}")
    return value


def require_extra(module: str, extra: str) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: dotted name of the module to import.
        extra: the extra of ``pgf-plugin`` that installs it.

    Raises:
        MissingExtraError: with the command that installs the extra.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise MissingExtraError(
            f"{module.split('.')[0]!r} is not installed. Run: "
            f'python -m pip install "pgf-plugin[{extra}]"',
            name=error.name,
        ) from error

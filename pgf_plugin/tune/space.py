"""The search space: which keys of a config vary, and over what."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from pgf_plugin.config import Problem
from pgf_plugin.errors import (
    ConfigError,
    check_finite,
    check_one_of,
    check_positive,
    check_positive_int,
    did_you_mean,
    require_extra,
    shown,
)

RANGES: dict[str, tuple[str, ...]] = {
    "int": ("low", "high", "step"),
    "float": ("low", "high"),
    "log": ("low", "high"),
}
"""Kinds of ranges and their keys: whole numbers, numbers, numbers with a uniform logarithm."""

EXAMPLE = (
    "tune = dict(space={'optim_wrapper.optimizer.lr': dict(type='log', low=1e-5, high=1e-2), "
    "'model.encoder.lora_rank': [8, 16, 32]})"
)

_SCALARS = (type(None), bool, int, float, str)


class Parameter(NamedTuple):
    """One key of the config and its values.

    Attributes:
        key: dotted path into the config.
        kind: ``'choice'`` or a key of :data:`RANGES`.
        options: of a choice.
        low, high: ends of a range, both included; the high end of integers is one of the steps.
        step: of integers.
    """

    key: str
    kind: str
    options: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    step: int = 1

    @property
    def labels(self) -> tuple[Any, ...]:
        """The options as optuna and files take them: what is no scalar by its ``repr``."""
        return tuple(map(_label, self.options))

    @property
    def size(self) -> int | None:
        """How many values there are; None where the range is continuous."""
        if self.kind == "choice":
            return len(self.options)
        if self.kind == "int":
            return int(self.high - self.low) // self.step + 1
        return 1 if self.low == self.high else None

    def distribution(self) -> Any:
        """The distribution of optuna."""
        of = require_extra("optuna", "tune").distributions
        if self.kind == "choice":
            return of.CategoricalDistribution(self.labels)
        if self.kind == "int":
            return of.IntDistribution(int(self.low), int(self.high), step=self.step)
        return of.FloatDistribution(self.low, self.high, log=self.kind == "log")

    def value(self, label: Any) -> Any:
        """The value for the config of what optuna or a file names."""
        return self.options[self.labels.index(label)] if self.kind == "choice" else label

    def ends(self) -> list[Any]:
        """The values that tell whether the config can take this parameter."""
        if self.kind == "choice":
            return list(self.options)
        return [self.low] if self.low == self.high else [self.low, self.high]


Space = tuple[Parameter, ...]


def values_of(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """From what optuna drew to overrides of the config, dotted key to value."""
    return {part.key: part.value(params[part.key]) for part in space}


def combinations(space: Space) -> int | None:
    """How many different trials a space has; None where it is continuous."""
    sizes = [part.size for part in space]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def every_combination(space: Space) -> Iterator[dict[str, Any]]:
    """All of them, as optuna would draw them; the space must be finite."""
    listed = [
        part.labels
        if part.kind == "choice"
        else range(int(part.low), int(part.high) + 1, part.step)
        if part.kind == "int"
        else (part.low,)
        for part in space
    ]
    for drawn in product(*listed):
        yield dict(zip((part.key for part in space), drawn, strict=True))


def parse_space(given: Any) -> tuple[Space, list[Problem]]:
    """Read ``tune.space``.

    Args:
        given: dict of dotted keys to a list of options, or
            ``dict(type='int' | 'float' | 'log', low=…, high=…)``, integers also with ``step``.

    Returns:
        the parameters that are right, and what is wrong with the others.
    """
    if not isinstance(given, Mapping) or not given:
        said = f"must be a dict with at least one key of the config, got {shown(given)}: {EXAMPLE}"
        return (), [Problem("tune.space", said)]
    space, problems = [], []
    for key, values in given.items():
        place = f"tune.space[{key!r}]"
        try:
            space.append(_parameter(str(key), place, values))
        except ValueError as error:
            problems += [Problem(place, line) for line in str(error).splitlines()]
    return tuple(space), problems


def _parameter(key: str, place: str, values: Any) -> Parameter:
    if isinstance(values, list | tuple):
        return _choice(key, values)
    if not isinstance(values, Mapping):
        said = "must be a list of options, or dict(type='int' | 'float' | 'log', low=…, high=…)"
        raise ConfigError(f"{said}, got {shown(values)}")
    kind = str(check_one_of("type", values.get("type"), RANGES))
    wrong = [
        f"unknown key {name!r} (got {shown(value)}), allowed are {('type', *RANGES[kind])}."
        f"{did_you_mean(name, RANGES[kind])}"
        for name, value in values.items()
        if name not in ("type", *RANGES[kind])
    ]
    wrong += [f"needs {name}" for name in ("low", "high") if name not in values]
    if wrong:
        raise ValueError("; ".join(wrong))
    return _whole(key, values) if kind == "int" else _real(key, kind, values)


def _choice(key: str, options: Sequence[Any]) -> Parameter:
    if not options:
        raise ValueError("must be a list with at least one option, got an empty one")
    labels = [_label(option) for option in options]
    twice = [label for place, label in enumerate(labels) if label in labels[:place]]
    if twice:
        raise ValueError(f"lists {shown(twice[0])} twice, in {shown(list(options))}")
    return Parameter(key, "choice", tuple(options))


def _whole(key: str, values: Mapping[str, Any]) -> Parameter:
    step = check_positive_int("step", values.get("step", 1))
    for name in ("low", "high"):
        if isinstance(values[name], bool) or not isinstance(values[name], int):
            raise ConfigError(f"{name} must be an integer, got {values[name]!r}")
    low, high = values["low"], values["high"]
    _check_order(low, high)
    return Parameter(key, "int", low=low, high=low + (high - low) // step * step, step=step)


def _real(key: str, kind: str, values: Mapping[str, Any]) -> Parameter:
    check = check_positive if kind == "log" else check_finite
    low, high = (check(name, values[name]) for name in ("low", "high"))
    _check_order(low, high)
    return Parameter(key, kind, low=low, high=high)


def _check_order(low: float, high: float) -> None:
    if low > high:
        raise ValueError(f"low must be <= high, got low={low!r} and high={high!r}")


def _label(option: Any) -> Any:
    return option if isinstance(option, _SCALARS) else repr(option)

"""What is wrong with a config, and one error for all of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pgf_plugin.errors import ConfigError


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a config.

    Attributes:
        key: path of the node or argument, such as ``'model.encoder.lora_rank'``.
        message: what is wrong: the value received, and what is allowed.
    """

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


def config_error(problems: Sequence[Problem], context: str) -> ConfigError:
    """One error for ``problems``, one line each."""
    return ConfigError("\n  ".join([f"{context}: {count(len(problems))}", *map(str, problems)]))


def count(number: int, noun: str = "problem") -> str:
    """``'1 problem'``, ``'2 problems'``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def isolated(key: str, check: Callable[[], Iterable[Problem]]) -> Iterator[Problem]:
    """Run one check; an exception in it is a problem of ``key`` and hides no other.

    Components of other distributions may raise anything when they are looked up or looked at.
    """
    found: list[Problem] = []
    try:
        found.extend(check())
    except Exception as error:  # noqa: BLE001
        found.append(Problem(key, f"cannot be checked: {type(error).__name__}: {error}"))
    yield from found


def unique(problems: Iterable[Problem]) -> list[Problem]:
    """The first problem of each key."""
    first: dict[str, Problem] = {}
    for problem in problems:
        first.setdefault(problem.key, problem)
    return list(first.values())

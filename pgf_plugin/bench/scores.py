"""The numbers among what evaluators return, which may be anything."""

from collections.abc import Mapping
from typing import Any


def split_scores(metrics: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
    """Return the numbers among metrics, and the names of all others."""
    numbers = {name: number for name, v in metrics.items() if (number := _number(v)) is not None}
    return numbers, [name for name in metrics if name not in numbers]


def _number(value: Any) -> float | None:
    """A number, or a tensor or array of one; None for anything else."""
    if isinstance(value, str | bytes):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None

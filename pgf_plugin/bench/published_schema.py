"""What is wrong with ``bench.published``: numbers of papers that stand beside those of a bench."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pgf_plugin.config.problem import Problem
from pgf_plugin.errors import did_you_mean, is_number, shown
from pgf_plugin.evaluation import METRICS

_KEYS = ("model", "source", "dataset", "metrics")
_NEEDED = ("model", "source", "metrics")
_EXAMPLE = "dict(model='MulT', source='arXiv 1906.00295', metrics=dict(MAE=0.871))"


def published_problems(bench: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what is wrong with ``bench.published``: who says what, of which dataset of the bench."""
    listed = bench.get("published")
    if listed is None:
        return
    if not isinstance(listed, list | tuple):
        yield Problem("bench.published", f"must be a list of {_EXAMPLE}, got {shown(listed)}")
        return
    for position, entry in enumerate(listed):
        yield from _of_entry(f"bench.published[{position}]", entry, bench.get("datasets"))


def _of_entry(key: str, entry: Any, datasets: Any) -> Iterator[Problem]:
    if not isinstance(entry, dict):
        yield Problem(key, f"must be such as {_EXAMPLE}, got {shown(entry)}")
        return
    for name, value in entry.items():
        if name not in _KEYS:
            said = f"unknown key (got {shown(value)}), allowed are {_KEYS}."
            yield Problem(f"{key}.{name}", said + did_you_mean(name, _KEYS))
    for name in _NEEDED:
        if not entry.get(name):
            yield Problem(f"{key}.{name}", f"is missing: an entry is such as {_EXAMPLE}")
    for name in ("model", "source"):
        if not isinstance(entry.get(name, ""), str):
            yield Problem(f"{key}.{name}", f"must be a string, got {shown(entry[name])}")
    known = list(datasets) if isinstance(datasets, dict) else []
    if entry.get("dataset") and entry["dataset"] not in known:
        yield Problem(
            f"{key}.dataset",
            f"must be one of bench.datasets {known}, got {entry['dataset']!r}."
            f"{did_you_mean(str(entry['dataset']), known)}",
        )
    if not entry.get("dataset") and len(known) > 1:
        yield Problem(
            f"{key}.dataset", f"is missing: to which of bench.datasets {known} it belongs"
        )
    yield from _of_metrics(f"{key}.metrics", entry.get("metrics") or {})


def _of_metrics(key: str, metrics: Any) -> Iterator[Problem]:
    if not isinstance(metrics, dict):
        yield Problem(key, f"must be a dict of metric to number, got {shown(metrics)}")
        return
    for name, value in metrics.items():
        if name not in METRICS:
            allowed = ", ".join(map(repr, METRICS))
            said = f"unknown metric, allowed are {allowed}.{did_you_mean(name, METRICS)}"
            yield Problem(f"{key}.{name}", said)
            continue
        if not is_number(value) or not math.isfinite(value):
            yield Problem(f"{key}.{name}", f"must be a finite number, got {value!r}")
        elif METRICS[name].percent and not 0 <= value <= 100:
            said = f"must be a fraction or a percentage, 0.834 or 83.4, got {value!r}"
            yield Problem(f"{key}.{name}", said)

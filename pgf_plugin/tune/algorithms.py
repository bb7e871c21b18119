"""The samplers and pruners of optuna that a config can name."""

from collections.abc import Iterator, Mapping
from typing import Any

from pgf_plugin.config import Problem
from pgf_plugin.config.signatures import misfits
from pgf_plugin.errors import did_you_mean, require_extra, shown

SAMPLERS = {"tpe": "TPESampler", "random": "RandomSampler"}
"""Those whose next draw hangs on the finished trials and a seed alone: they resume exactly."""

PRUNERS = {
    "none": "NopPruner",
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "successive_halving": "SuccessiveHalvingPruner",
    "hyperband": "HyperbandPruner",
    "threshold": "ThresholdPruner",
}

_KNOWN = {"samplers": SAMPLERS, "pruners": PRUNERS}


def algorithm_problems(key: str, group: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a sampler or a pruner.

    Args:
        key: its place.
        group: ``'samplers'`` or ``'pruners'``.
        node: ``dict(type=name, **arguments)``.
    """
    known, name = _KNOWN[group], node.get("type")
    if not isinstance(name, str) or name not in known:
        hint = did_you_mean(str(name), known)
        yield Problem(key, f"must be one of {', '.join(map(repr, known))}, got {name!r}.{hint}")
        return
    arguments = _arguments(node)
    found = list(misfits(_class(group, name), arguments))
    yield from (Problem(f"{key}.{argument}", message) for argument, message in found)
    if found:
        return
    try:
        build(group, node)
    except (ValueError, TypeError) as error:
        yield Problem(key, f"{error} (got {shown(dict(node))})")


def build(group: str, node: Mapping[str, Any], **more: Any) -> Any:
    """Build a sampler or a pruner; ``more`` replaces arguments of the config."""
    return _class(group, node["type"])(**{**_arguments(node), **more})


def _class(group: str, name: str) -> Any:
    return getattr(getattr(require_extra("optuna", "tune"), group), _KNOWN[group][name])


def _arguments(node: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name != "type"}

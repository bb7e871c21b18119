"""By which validation metric a bench chooses the checkpoint that it tests."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

from pgf_plugin.config.problem import Problem
from pgf_plugin.config.relations import metric_names
from pgf_plugin.evaluation import METRICS
from pgf_plugin.evaluation.catalogue import rule_of

DEFAULT_METRIC = "MAE"


def metric_of(bench: Mapping[str, Any]) -> str:
    """Name of the metric, one of :data:`~pgf_plugin.evaluation.METRICS`."""
    return bench.get("metric") or DEFAULT_METRIC


def is_better(metric: str, score: float, other: float) -> bool:
    """Whether ``score`` is better than ``other``; NaN is never."""
    return score > other if METRICS[metric].higher_is_better else score < other


def best_of(scores: Sequence[float], higher_is_better: bool) -> float:
    """The best of ``scores``; one that is NaN only where all are."""
    known = [score for score in scores if not math.isnan(score)] or list(scores)
    return max(known) if higher_is_better else min(known)


def select_by(trial: Config, bench: Mapping[str, Any]) -> None:
    """Make the checkpoint hook of a trial choose by ``bench.metric``, where the bench names one."""
    hooks = trial.get("default_hooks")
    saver = hooks.get("checkpoint") if isinstance(hooks, Mapping) else None
    if bench.get("metric") is not None and isinstance(saver, dict):
        saver.update(save_best=metric_of(bench), rule=rule_of(metric_of(bench)))


def selection_problems(trial: Config, metric: str) -> Iterator[Problem]:
    """Tell a trial that chooses, or tests, by other names than the report."""
    yield from _prefix_problems(trial, metric)
    hooks = trial.get("default_hooks")
    saver = hooks.get("checkpoint") if isinstance(hooks, Mapping) else None
    if not isinstance(saver, Mapping) or saver.get("save_best") is None:
        return  # a custom hook may choose, which the run finds
    rule = rule_of(metric)
    if saver["save_best"] not in (metric, [metric]) or saver.get("rule", rule) not in (
        rule,
        [rule],
    ):
        yield Problem(
            "default_hooks.checkpoint",
            f"chooses by save_best={saver['save_best']!r}, rule={saver.get('rule')!r}, but "
            f"{advice(metric)}",
        )


def _prefix_problems(trial: Config, metric: str) -> Iterator[Problem]:
    """Tell a test whose metrics have other names than the columns of the table."""
    names = metric_names(trial.get("test_evaluator"), trial.get("default_scope"))
    prefixed = [name for name in names if name.endswith(f"/{metric}")]
    if metric not in names and prefixed:
        yield Problem(
            "test_evaluator",
            f"gives {prefixed[0]}, but the table of a bench has {metric}: leave out prefix="
            f"{prefixed[0].removesuffix(f'/{metric}')!r}",
        )


def advice(metric: str) -> str:
    """What a checkpoint hook must say, and how to choose by another metric."""
    return (
        f"a bench compares checkpoints chosen by validation {metric}: set default_hooks.checkpoint="
        f"dict(type='SafeCheckpointHook', save_best={metric!r}, rule={rule_of(metric)!r}), or "
        "bench.metric"
    )

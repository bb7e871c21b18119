"""What a config says of a search: ``tune = dict(space=…, metric=…, trials=…, …)``."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from pgf_plugin.config import Problem
from pgf_plugin.config.relations import metric_names
from pgf_plugin.errors import (
    check_positive,
    check_positive_int,
    check_seed,
    check_text,
    did_you_mean,
    require_extra,
    shown,
)
from pgf_plugin.evaluation import METRICS
from pgf_plugin.tune.algorithms import algorithm_problems
from pgf_plugin.tune.space import EXAMPLE, Space, parse_space

KEY = "tune"

_DEFAULTS: dict[str, Any] = {
    "metric": "MAE",
    "trials": 20,
    "seeds": [0],
    "sampler": "tpe",
    "pruner": "median",
    "timeout": None,
}


@dataclass(frozen=True)
class Settings:
    """A search that was checked.

    Attributes:
        space: the parameters.
        metric: of the validation, by the name that ``val_evaluator`` gives it.
        trials: how many, those of earlier commands among them.
        seeds: of the runs of one trial; the objective is their mean.
        sampler, pruner: ``dict(type=name, **arguments)``.
        timeout: seconds of all trials after which none is begun; None for no limit.
    """

    space: Space
    metric: str
    trials: int
    seeds: tuple[int, ...]
    sampler: Mapping[str, Any]
    pruner: Mapping[str, Any]
    timeout: float | None

    @property
    def higher_is_better(self) -> bool:
        """Direction of the metric."""
        return METRICS[bare_name(self.metric)].higher_is_better

    @property
    def identity(self) -> str:
        """What makes it this search, as a text: all but how long it goes on."""
        plain = [dict(node) for node in (self.sampler, self.pruner)]
        return repr([self.space, self.metric, self.seeds, plain])

    @classmethod
    def of(cls, cfg: Config) -> "Settings":
        """Read the search of a config in which :func:`settings_problems` found nothing."""
        given = _complete(cfg[KEY])
        return cls(
            parse_space(given["space"])[0],
            given["metric"],
            given["trials"],
            tuple(given["seeds"]),
            _node(given["sampler"]),
            _node(given["pruner"]),
            given["timeout"],
        )


def settings_problems(cfg: Config) -> Iterator[Problem]:
    """Find what is wrong with ``tune`` itself, apart from what its values do to the config.

    Raises:
        MissingExtraError: if optuna is not installed.
    """
    require_extra("optuna", "tune")
    tune = cfg.get(KEY)
    if not isinstance(tune, Mapping):
        got = "" if tune is None else f" (got {shown(tune)})"
        yield Problem(KEY, f"the config has no search{got}: set {EXAMPLE}, or run `pgf train`")
        return
    known = ("space", *_DEFAULTS)
    for key, value in tune.items():
        if key not in known:
            said = f"unknown key (got {shown(value)}), allowed are {known}."
            yield Problem(f"{KEY}.{key}", said + did_you_mean(key, known))
    given = _complete(tune)
    yield from parse_space(given["space"])[1]
    yield from _metric_problems(cfg, given["metric"])
    yield from _checked(f"{KEY}.trials", given["trials"], check_positive_int)
    yield from _seed_problems(given["seeds"])
    for key, group in (("sampler", "samplers"), ("pruner", "pruners")):
        yield from algorithm_problems(f"{KEY}.{key}", group, _node(given[key]))
    if given["timeout"] is not None:
        yield from _checked(f"{KEY}.timeout", given["timeout"], check_positive)


def bare_name(metric: str) -> str:
    """A metric without the prefix that an evaluator puts before it."""
    return metric.rpartition("/")[2]


def _complete(tune: Mapping[str, Any]) -> dict[str, Any]:
    return {"space": None, **_DEFAULTS, **tune}


def _node(value: Any) -> dict[str, Any]:
    """A sampler or pruner as a dict, where it is named alone; None names none."""
    if isinstance(value, Mapping):
        return dict(value)
    return {"type": "none" if value is None else value}


def _metric_problems(cfg: Config, metric: Any) -> Iterator[Problem]:
    key = f"{KEY}.metric"
    wrong = list(_checked(key, metric, check_text))
    if wrong:
        yield from wrong
        return
    given = metric_names(cfg.get("val_evaluator"), cfg.get("default_scope"))
    allowed = [name for name in given if bare_name(name) in METRICS] or list(METRICS)
    if metric in (allowed if given else METRICS) or (not given and bare_name(metric) in METRICS):
        return
    of_test = metric_names(cfg.get("test_evaluator"), cfg.get("default_scope"))
    why = ""
    if metric in of_test or metric.partition("/")[0] == "test":
        why = " The objective of a search is always a validation metric, never one of the test set."
    said = f"must be one that val_evaluator gives, {', '.join(allowed)}, got {metric!r}."
    yield Problem(key, f"{said}{why}{did_you_mean(metric, allowed)}")


def _seed_problems(seeds: Any) -> Iterator[Problem]:
    key = f"{KEY}.seeds"
    if not isinstance(seeds, list | tuple) or not seeds:
        yield Problem(key, f"must be a list with at least one seed, got {shown(seeds)}")
        return
    if len(set(map(str, seeds))) < len(seeds):
        yield Problem(key, f"names a seed twice: {list(seeds)}")
    for seed in seeds:
        yield from _checked(key, seed, check_seed)


def _checked(key: str, value: Any, check: Callable[[str, Any], Any]) -> Iterator[Problem]:
    try:
        check(key, value)
    except ValueError as error:
        yield Problem(key, str(error).removeprefix(f"{key} "))

"""The schema of ``bench``, and what is wrong with one, apart from the configs that it names."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mmengine.config import Config

from pgf_plugin.bench.corruptions import corruption_problems
from pgf_plugin.bench.datasets import ENTRY_KEYS
from pgf_plugin.bench.names import folder_clash, row_label
from pgf_plugin.bench.published_schema import published_problems
from pgf_plugin.bench.settings import expand_settings, setting_problems
from pgf_plugin.config.problem import Problem
from pgf_plugin.errors import (
    check_one_of,
    check_seed,
    check_text,
    did_you_mean,
    shown,
)
from pgf_plugin.evaluation import METRICS

KEYS = (
    *("title", "models", "datasets", "settings", "sweep", "seeds"),
    *("corruptions", "metric", "reference", "published", "executor"),
)
"""What ``bench`` may hold; the docstring of :func:`~pgf_plugin.bench.plan.plan_trials` says what
each means."""

EXAMPLE = "bench = dict(models={'PGF-Net': 'pgf_net/…'}, seeds=[0, 1])"


def bench_problems(config: Config) -> list[Problem]:
    """Find what is wrong with ``bench`` itself, apart from the configs that it names."""
    bench = config.get("bench")
    if not isinstance(bench, dict):
        return [Problem("bench", f"the config has no bench: set {EXAMPLE}, or run `pgf train`")]
    problems = [
        Problem(
            f"bench.{key}",
            f"unknown key (got {shown(value)}), allowed are {KEYS}.{did_you_mean(key, KEYS)}",
        )
        for key, value in bench.items()
        if key not in KEYS
    ]
    problems += _entries("models", bench.get("models"))
    if bench.get("datasets") is not None:
        problems += _entries("datasets", bench["datasets"])
        problems += _dataset_keys(bench["datasets"])
    problems += setting_problems(bench)
    problems += _seed_problems(bench.get("seeds"))
    problems += corruption_problems(bench)
    problems += _of("title", bench, lambda title: check_text("it", title))
    problems += _of("metric", bench, lambda name: check_one_of("it", name, METRICS))
    problems += _reference_problems(bench)
    problems += published_problems(bench)
    problems += _executor_problems(bench.get("executor"))
    if "type" in (config.get("model") or {}):
        said = (
            f"is {config.model.type!r}: in a bench config, `model` is what all models share "
            "(encoder, feature_dims); put a model of its own into bench.models"
        )
        problems.append(Problem("model.type", said))
    return problems


def _entries(key: str, entries: Any) -> Iterator[Problem]:
    """Of models and datasets: names that are apart, each with a config or overrides."""
    if not isinstance(entries, dict) or not entries:
        said = f"must be a dict with at least one entry, got {shown(entries)}: {EXAMPLE}"
        yield Problem(f"bench.{key}", said)
        return
    if clash := folder_clash(map(str, entries)):
        yield Problem(f"bench.{key}", clash)
    for name, entry in entries.items():
        if not isinstance(name, str) or not name:
            said = f"a name must be a string that is not empty, got {name!r}"
            yield Problem(f"bench.{key}", said)
        if not isinstance(entry, str | dict) or not entry:
            yield Problem(
                f"bench.{key}[{name!r}]",
                f"must be the name of a config, or dict(config=name, **overrides), got "
                f"{shown(entry)}",
            )
        elif isinstance(entry, dict) and not isinstance(entry.get("config", ""), str):
            yield Problem(
                f"bench.{key}[{name!r}].config",
                f"must be the name of a config, got {shown(entry['config'])}",
            )


def _dataset_keys(entries: Any) -> Iterator[Problem]:
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        for key, value in entry.items() if isinstance(entry, dict) else ():
            if key not in ENTRY_KEYS:
                yield Problem(
                    f"bench.datasets[{name!r}].{key}",
                    f"unknown key (got {shown(value)}), allowed are {ENTRY_KEYS}."
                    f"{did_you_mean(key, ENTRY_KEYS)}",
                )


def _seed_problems(seeds: Any) -> list[Problem]:
    if not isinstance(seeds, list | tuple) or not seeds:
        said = f"must be a list with at least one seed, got {shown(seeds)}: {EXAMPLE}"
        return [Problem("bench.seeds", said)]
    problems = [Problem("bench.seeds", f"names a seed twice: {list(seeds)}")]
    problems = problems if len(set(map(str, seeds))) < len(seeds) else []
    for seed in seeds:
        problems += _told("seeds", lambda: check_seed("a seed", seed))  # noqa: B023
    return problems


def _reference_problems(bench: Mapping[str, Any]) -> Iterator[Problem]:
    reference, models = bench.get("reference"), bench.get("models")
    if reference is None or not isinstance(models, dict):
        return
    settings = () if setting_problems(bench) else expand_settings(bench)
    rows = [row_label(model, "", setting) for model in models for setting in settings]
    if reference not in (*models, *rows):
        yield Problem(
            "bench.reference",
            f"is {reference!r}, which is not in the table: it must be one of {list(models)}."
            f"{did_you_mean(str(reference), map(str, models))}",
        )


def _executor_problems(executor: Any) -> Iterable[Problem]:
    """The name of an executor; its arguments it checks itself."""
    from pgf_plugin.bench.executors import EXECUTORS  # they run what this schema describes

    if executor is None:
        return []
    name = executor.get("type") if isinstance(executor, dict) else executor
    key = "executor.type" if isinstance(executor, dict) else "executor"
    return _told(key, lambda: check_one_of("it", name, EXECUTORS))


def _of(key: str, bench: Mapping[str, Any], check: Callable[[Any], Any]) -> Iterable[Problem]:
    """What a check says of a key that may be left out."""
    return [] if bench.get(key) is None else _told(key, lambda: check(bench[key]))


def _told(key: str, check: Callable[[], Any]) -> Iterable[Problem]:
    try:
        check()
    except ValueError as error:
        return [Problem(f"bench.{key}", str(error).removeprefix("it "))]
    return []

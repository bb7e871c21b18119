"""Checks every model of a bench config, all of them before the first is trained."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config

from pgf_plugin.bench.compose import apply_places
from pgf_plugin.bench.corruptions import Corruption, misplaced, read_corruptions
from pgf_plugin.bench.fingerprint import fingerprint
from pgf_plugin.bench.plan import Cell, Trial, cells, same_twice
from pgf_plugin.bench.schema import bench_problems
from pgf_plugin.bench.selection import DEFAULT_METRIC, metric_of, selection_problems
from pgf_plugin.config import (
    Problem,
    apply_options,
    check_config,
    config_error,
)
from pgf_plugin.config.needs import missing_parts
from pgf_plugin.config.problem import unique
from pgf_plugin.config.slots import TOGETHER
from pgf_plugin.errors import ConfigError

BENCH = "bench"
"""Label of what is wrong with the bench itself."""

ALL_MODELS = "all models"
"""Label of the problems that every model has: those of the data, mostly."""


def check_bench(
    config: Config,
    *,
    cfg_options: Mapping[str, Any] | None = None,
    encoder: str | None = None,
    data_root: str | Path | None = None,
    models: Sequence[str] | None = None,
) -> dict[str, list[Problem]]:
    """Find everything that is wrong with a bench config and the configs that it names.

    Args:
        config: a bench config.
        cfg_options: dotted key to value, for every model.
        encoder: name of the text encoder, where a model has one.
        data_root: folder of the data, where a dataset takes one.
        models: names to check; None checks all.

    Returns:
        problems by row (:data:`BENCH` for the bench itself, :data:`ALL_MODELS` for shared ones).
    """
    found = {BENCH: bench_problems(config)}
    sound = _sound(config).get("bench") or {}
    metric, corruptions = metric_of(sound), read_corruptions(sound)
    for name, trial in compose_models(config, cfg_options, encoder, data_root, models):
        if isinstance(trial, Problem):
            problems = [trial]
        else:
            problems = check_trial(trial, metric, corruptions)
        found[name] = found.get(name, []) + problems
    return _shared(found)


def compose_models(
    config: Config,
    cfg_options: Mapping[str, Any] | None = None,
    encoder: str | None = None,
    data_root: str | Path | None = None,
    models: Sequence[str] | None = None,
) -> Iterator[tuple[str, Config | Problem]]:
    """Compose the config of every row of a bench, each for itself.

    Args:
        config: a bench config, which may be malformed.
        cfg_options: as for :func:`check_bench`; likewise the others.

    Yields:
        label of a row (the model, and dataset and setting where the bench has them), and its
        config, or why there is none; :data:`BENCH` and why ``encoder`` or ``data_root`` does not
        fit, or which trials are the same.
    """
    sound = _sound(config)
    bench = sound.get("bench") or {}
    rows = {cell.label: cell for cell in cells(bench, models)} if bench.get("models") else {}
    trials = {
        label: _attempt(_place(rows[label]), partial(rows[label].config, sound)) for label in rows
    }
    composed = {name: trial for name, trial in trials.items() if isinstance(trial, Config)}
    if composed:
        fits = _attempt(BENCH, partial(apply_places, config, composed, encoder, data_root))
        if isinstance(fits, Problem):
            yield BENCH, fits
    for label, trial in trials.items():
        refused = None
        if isinstance(trial, Config):
            options = cfg_options or {}
            refused = _attempt(_place(rows[label]), partial(apply_options, trial, options))
        yield label, refused or trial
    yield from ((BENCH, twins) for twins in _twins(composed))


def _sound(config: Config) -> Config:
    """A bench config without the keys of ``bench`` that are wrong, so that the rest is checked."""
    wrong = {problem.key.partition("[")[0] for problem in bench_problems(config)}
    bench = config.get("bench")
    bench = bench if isinstance(bench, dict) else {}
    kept = {key: value for key, value in bench.items() if f"bench.{key}" not in wrong}
    if isinstance(bench.get("models"), dict):
        kept["models"] = bench["models"]  # each is composed for itself
    sound = deepcopy(config)
    sound.bench = kept
    return sound


def _place(cell: Cell) -> str:
    """Key of a row in messages."""
    return f"bench.models[{cell.model!r}]" if cell.label == cell.model else cell.label


def _twins(trials: Mapping[str, Config]) -> Iterator[Problem]:
    """Rows whose configs do not differ."""
    seen: dict[str, str] = {}
    for label, trial in trials.items():
        twin = seen.setdefault(fingerprint(trial), label)
        if twin != label:
            yield Problem(BENCH, same_twice(twin, label))


def _attempt(place: str, action: Callable[[], Any]) -> Any:
    """What ``action`` returns, or a problem: a config may raise anything, and others follow."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001
        kind = "" if isinstance(error, ConfigError) else f"{type(error).__name__}: "
        return Problem(place, f"{kind}{error}")


def check_trial(
    config: Config, metric: str = DEFAULT_METRIC, corruptions: Sequence[Corruption] = ()
) -> list[Problem]:
    """Find everything that is wrong with the config of one row of a bench.

    Args:
        config: of its trials.
        metric: validation metric by which the bench chooses checkpoints.
        corruptions: of the test set.
    """
    needs = [key for group in TOGETHER for key in group]
    return unique(
        [
            *missing_parts(config, needs, "bench"),
            *check_config(config),
            *selection_problems(config, metric),
            *misplaced(config, corruptions),
        ]
    )


def raise_trial_problems(trials: Sequence[Trial]) -> None:
    """Check the trials of a bench, and raise one error that lists what is wrong with any model.

    Raises:
        ConfigError: if there is a problem.
    """
    rows = {trial.label: trial for trial in trials}
    found = _shared(
        {name: check_trial(row.config, row.metric, row.corruptions) for name, row in rows.items()}
    )
    models = {trial.model for trial in trials}
    errors = [
        str(config_error(problems, f"bench.models[{name!r}]" if name in models else name))
        for name, problems in found.items()
        if problems
    ]
    if errors:
        raise ConfigError("\n".join(errors))


def _shared(found: dict[str, list[Problem]]) -> dict[str, list[Problem]]:
    """Tell what is wrong with every model once."""
    models = [problems for name, problems in found.items() if name != BENCH]
    if len(models) < 2:
        return found
    common = [problem for problem in models[0] if all(problem in rest for rest in models[1:])]
    if not common:
        return found
    rest = {
        name: [problem for problem in problems if problem not in common]
        for name, problems in found.items()
    }
    return {ALL_MODELS: common, **rest}

"""Checks every model of a bench config, all of them before the first is trained."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from mmengine.config import Config

from pgf_plugin.bench.plan import Trial, apply_places, bench_problems, compose
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
    data_root: str | None = None,
) -> dict[str, list[Problem]]:
    """Find everything that is wrong with a bench config and the configs that it names.

    Args:
        config: a bench config.
        cfg_options: dotted key to value, for every model.
        encoder: name of the text encoder, where a model has one.
        data_root: folder of the data, where a dataset takes one.

    Returns:
        problems by model (:data:`BENCH` for the bench itself, :data:`ALL_MODELS` for shared ones).
    """
    found = {BENCH: bench_problems(config)}
    for name, trial in compose_models(config, cfg_options, encoder, data_root):
        problems = [trial] if isinstance(trial, Problem) else check_trial(trial)
        found[name] = found.get(name, []) + problems
    return _shared(found)


def compose_models(
    config: Config,
    cfg_options: Mapping[str, Any] | None = None,
    encoder: str | None = None,
    data_root: str | None = None,
) -> Iterator[tuple[str, Config | Problem]]:
    """Compose the config of every model of a bench, each for itself.

    Args:
        config: a bench config, which may be malformed.
        cfg_options: as for :func:`check_bench`; likewise the others.

    Yields:
        name of a model, and its config, or why there is none; :data:`BENCH` and why ``encoder`` or
        ``data_root`` does not fit.
    """
    bench = config.get("bench")
    models = bench.get("models") if isinstance(bench, dict) else None
    entries = models if isinstance(models, dict) else {}
    trials = {name: _attempt(name, partial(compose, config, entries[name])) for name in entries}
    composed = {name: trial for name, trial in trials.items() if isinstance(trial, Config)}
    if composed:
        fits = _attempt(BENCH, partial(apply_places, config, composed, encoder, data_root))
        if isinstance(fits, Problem):
            yield BENCH, fits
    for name, trial in trials.items():
        refused = None
        if isinstance(trial, Config):
            refused = _attempt(name, partial(apply_options, trial, cfg_options or {}))
        yield name, refused or trial


def _attempt(name: str, action: Callable[[], Any]) -> Any:
    """What ``action`` returns, or a problem: a config may raise anything, and others follow."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001
        kind = "" if isinstance(error, ConfigError) else f"{type(error).__name__}: "
        return Problem(BENCH if name == BENCH else f"bench.models[{name!r}]", f"{kind}{error}")


def check_trial(config: Config) -> list[Problem]:
    """Find everything that is wrong with the config of one model of a bench."""
    needs = [key for group in TOGETHER for key in group]
    return unique([*missing_parts(config, needs, "bench"), *check_config(config)])


def raise_trial_problems(trials: Sequence[Trial]) -> None:
    """Check the trials of a bench, and raise one error that lists what is wrong with any model.

    Raises:
        ConfigError: if there is a problem.
    """
    configs = {trial.model: trial.config for trial in trials}
    found = _shared({name: check_trial(config) for name, config in configs.items()})
    errors = [
        str(config_error(problems, f"bench.models[{name!r}]" if name in configs else name))
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

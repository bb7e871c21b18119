"""From one bench config to the trials that it asks for."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from pgf_plugin.bench.fingerprint import fingerprint
from pgf_plugin.bench.names import row_label, slug, trial_folder
from pgf_plugin.config import apply_data_root, apply_encoder, apply_options, find_config
from pgf_plugin.config.load import dataset_nodes, read_config, type_name
from pgf_plugin.config.problem import Problem
from pgf_plugin.errors import ConfigError, check_positive_int, did_you_mean, shown

_KEYS = ("models", "seeds", "title", "executor")
_EXAMPLE = "bench = dict(models={'PGF-Net': 'pgf_net/…'}, seeds=[0, 1])"


class Trial(NamedTuple):
    """One training run of the bench.

    Attributes:
        model: the model's name in the table.
        seed: seed of the run.
        config: complete config of the run, as ``pgf train`` takes it.
        folder: where the run writes.
        fingerprint: of config, data files and version; a finished trial that has it is not
            repeated.
        dataset: name of the data in the table; empty where a bench has one.
        setting: name of the overrides in the table; empty where a bench has one.
    """

    model: str
    seed: int
    config: Config
    folder: Path
    fingerprint: str
    dataset: str = ""
    setting: str = ""

    @property
    def label(self) -> str:
        """Model, dataset and setting as one name, without the seed."""
        return row_label(self.model, self.dataset, self.setting)


def plan_trials(
    config: Config,
    work_dir: Path,
    *,
    models: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    cfg_options: Mapping[str, Any] | None = None,
    encoder: str | None = None,
    data_root: str | Path | None = None,
) -> list[Trial]:
    """Expand ``config.bench`` into trials, seed by seed, so that a partial table is balanced.

    A trial's config is the config that ``bench.models`` names. What the bench config itself sets
    comes before it: ``model`` is merged, every other key (data, schedule, hooks) is replaced. The
    entry's own overrides are merged last.

    Args:
        config: a bench config: any keys of a training config, and
            ``bench = dict(models={name: config name or overrides}, seeds=[…])``.
        work_dir: folder of the bench.
        models: names to keep; None keeps all.
        seeds: replaces ``bench.seeds``.
        cfg_options: dotted key to value, for every trial; applied last.
        encoder: as for :func:`~pgf_plugin.config.load_config`, for every trial.
        data_root: likewise.

    Raises:
        ConfigError: if ``bench`` is missing or malformed, ``models`` names what it lacks, or
            ``encoder`` or ``data_root`` fits none of the models.
    """
    bench = _check_bench(config)
    entries = bench["models"]
    for name in models or ():
        if name not in entries:
            raise ConfigError(
                f"--models {name!r}: the bench has {list(entries)}.{did_you_mean(name, entries)}"
            )
    chosen = [name for name in entries if not models or name in models]
    configs = {name: compose(config, entries[name]) for name in chosen}
    apply_places(config, configs, encoder, data_root)
    for trial in configs.values():
        apply_options(trial, cfg_options or {})
    numbers = [
        check_positive_int("bench.seeds", seed, at_least=0)
        for seed in dict.fromkeys(seeds or bench["seeds"])
    ]
    return [_trial(name, seed, configs[name], work_dir) for seed in numbers for name in configs]


def compose(config: Config, entry: str | dict[str, Any]) -> Config:
    """Return the training config of one entry of ``bench.models``.

    Args:
        config: the bench config.
        entry: name or path of a config, or ``dict(config=name, **overrides)``.
    """
    overrides = {"config": entry} if isinstance(entry, str) else dict(entry)
    base = overrides.pop("config", None)
    trial = read_config(find_config(base)) if base else Config()
    for key, value in config.to_dict().items():
        if key == "model":
            trial.merge_from_dict({"model": value})
        elif key not in ("bench", "work_dir"):
            trial[key] = value
    trial.merge_from_dict(overrides)
    if "model" not in trial:
        raise ConfigError(
            f"bench.models: the entry {entry!r} has no model. Name a config that has one, or give "
            "dict(model=dict(type=…))"
        )
    return trial


def apply_places(
    config: Config,
    trials: Mapping[str, Config],
    encoder: str | None,
    data_root: str | Path | None,
) -> None:
    """Apply ``--encoder`` and ``--data-root`` where they fit; one that fits nowhere is refused."""
    where = f"{config.filename or 'the bench'} ({', '.join(trials)})"
    encoders = [apply_encoder(trial, encoder) for trial in trials.values()]
    if encoder and not any(encoders):
        raise ConfigError(
            f"--encoder {encoder}: no model of {where} has an HFTextEncoder that could load it"
        )
    if data_root is None:
        return
    datasets = [apply_data_root(trial, data_root) for trial in trials.values()]
    if not any(datasets):
        kinds = {type_name(node) for trial in trials.values() for node in dataset_nodes(trial)}
        raise ConfigError(
            f"--data-root {data_root}: no dataset of {where} takes a data_root; they are "
            f"{', '.join(sorted(kinds)) or 'none'}, and MSADataset would take one"
        )


def _trial(model: str, seed: int, config: Config, work_dir: Path) -> Trial:
    config = deepcopy(config)
    config.randomness = {**config.get("randomness", {}), "seed": seed}
    mark = fingerprint(config)
    folder = trial_folder(work_dir, model, seed)
    config.work_dir = str(folder)
    config.experiment_name = f"{slug(model)}_{seed}_{mark[:6]}"
    return Trial(model, seed, config, folder, mark)


def bench_problems(config: Config) -> list[Problem]:
    """Find what is wrong with ``bench`` itself, apart from the configs that it names."""
    bench = config.get("bench")
    if not isinstance(bench, dict):
        return [Problem("bench", f"the config has no bench: set {_EXAMPLE}, or run `pgf train`")]
    problems = [
        Problem(
            f"bench.{key}",
            f"unknown key (got {shown(value)}), allowed are {_KEYS}.{did_you_mean(key, _KEYS)}",
        )
        for key, value in bench.items()
        if key not in _KEYS
    ]
    models = bench.get("models")
    if not isinstance(models, dict) or not models:
        said = f"must be a dict with at least one entry, got {shown(models)}: {_EXAMPLE}"
        problems.append(Problem("bench.models", said))
    elif len({slug(name) for name in models}) < len(models):
        said = f"two of {list(models)} would share a folder; name them apart"
        problems.append(Problem("bench.models", said))
    problems += _seed_problems(bench.get("seeds"))
    if "type" in (config.get("model") or {}):
        said = (
            f"is {config.model.type!r}: in a bench config, `model` is what all models share "
            "(encoder, feature_dims); put a model of its own into bench.models"
        )
        problems.append(Problem("model.type", said))
    return problems


def _seed_problems(seeds: Any) -> list[Problem]:
    if not isinstance(seeds, list | tuple) or not seeds:
        said = f"must be a list with at least one seed, got {shown(seeds)}: {_EXAMPLE}"
        return [Problem("bench.seeds", said)]
    problems = [Problem("bench.seeds", f"names a seed twice: {list(seeds)}")]
    problems = problems if len(set(map(str, seeds))) < len(seeds) else []
    for seed in seeds:
        try:
            check_positive_int("a seed", seed, at_least=0)
        except ValueError as error:
            problems.append(Problem("bench.seeds", str(error)))
    return problems


def _check_bench(config: Config) -> dict[str, Any]:
    if problems := bench_problems(config):
        raise ConfigError("\n".join(map(str, problems)))
    return config.bench

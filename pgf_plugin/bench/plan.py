"""From one bench config to the trials that it asks for."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from pgf_plugin.bench.compose import Entry, apply_places, compose
from pgf_plugin.bench.corruptions import CorruptedTest, Corruption, read_corruptions
from pgf_plugin.bench.datasets import check_chosen
from pgf_plugin.bench.fingerprint import fingerprint
from pgf_plugin.bench.names import row_label, slug, trial_folder
from pgf_plugin.bench.schema import bench_problems
from pgf_plugin.bench.selection import DEFAULT_METRIC, metric_of, select_by
from pgf_plugin.bench.settings import (
    Options,
    expand_settings,
    fixed_below,
    fixed_problem,
    key_problems,
)
from pgf_plugin.config import apply_options, config_error
from pgf_plugin.config.importable import name_imported
from pgf_plugin.errors import ConfigError, check_seed


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
        metric: validation metric by which the checkpoint is chosen.
        corruptions: of the test set, under which the chosen checkpoint is tested, too. The training
            does not hang on them, and neither does the fingerprint.
    """

    model: str
    seed: int
    config: Config
    folder: Path
    fingerprint: str
    dataset: str = ""
    setting: str = ""
    metric: str = DEFAULT_METRIC
    corruptions: tuple[Corruption, ...] = ()

    @property
    def corrupted_tests(self) -> list[tuple[CorruptedTest, dict[str, Any]]]:
        """The tests on corrupted test sets, of which nothing is known yet, and their transforms."""
        return [(each.test(v), each.at(v)) for each in self.corruptions for v in each.values]

    @property
    def label(self) -> str:
        """Model, dataset and setting as one name, without the seed."""
        return row_label(self.model, self.dataset, self.setting)


class Cell(NamedTuple):
    """One row of the table to be: the trials that differ in their seed alone.

    Attributes:
        dataset, model, setting: their names, empty where a bench has one.
        data, entry, options: what the bench config says of them; no data for the model's own.
    """

    dataset: str
    model: str
    setting: str
    data: Entry | None
    entry: Entry
    options: Options

    @property
    def label(self) -> str:
        """Model, dataset and setting as one name."""
        return row_label(self.model, self.dataset, self.setting)

    def config(self, bench_config: Config) -> Config:
        """Compose the config of the trials, apart from ``--cfg-options`` and the seed.

        Raises:
            ConfigError: if a config does not exist, or has no place for an option.
        """
        trial = compose(bench_config, self.entry, self.data)
        if problems := list(key_problems(trial, bench_config.bench, self.setting)):
            raise config_error(problems, self.label)
        apply_options(trial, self.options)
        if problems := list(fixed_below(trial)):  # in the model's own config, or deeper than a key
            raise config_error(problems, self.label)
        select_by(trial, bench_config.bench)
        return trial


def cells(bench: Mapping[str, Any], models: Sequence[str] | None = None) -> Iterator[Cell]:
    """Every dataset with every model and every setting of a bench that has no problem.

    Args:
        bench: ``bench`` of the bench config.
        models: names to keep; None keeps all.
    """
    settings = expand_settings(bench)
    for dataset, data in (bench.get("datasets") or {"": None}).items():
        for model, entry in bench["models"].items():
            if models and model not in models:
                continue
            for setting, options in settings.items():
                yield Cell(dataset, model, setting, data, entry, options)


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

    There is a trial for every dataset, model, setting and seed. Its config is the one that
    ``bench.models`` names, changed in this order by: what the bench config sets beside ``bench``
    (``model`` is merged, every other key replaced); the model's own overrides; the dataset, see
    :func:`~pgf_plugin.bench.datasets.apply_dataset`; the setting; ``cfg_options``.

    Args:
        config: a bench config: any keys of a training config, and ``bench`` with

            - ``models``: name to the name of a config, or ``dict(config=name, **overrides)``;
            - ``seeds``: a list of integers;
            - ``datasets``: likewise, in the place of the data of the models' configs;
            - ``settings``: name to overrides, ``{dotted key: value}``;
            - ``sweep``: ``{dotted key: [values]}``, the product of which multiplies the settings;
            - ``corruptions``: name to ``dict(transform, vary, values)``: the test set of every
              trained model goes through the transform, whose arguments ``vary`` (a dotted key, or
              several) take each of the ``values``;
            - ``metric``: validation metric by which checkpoints are chosen, MAE by default;
            - ``reference``: model with which the others are compared;
            - ``published``: numbers of papers, ``dict(model, source, metrics, dataset)`` each;
            - ``executor``: name, or ``dict(type=name, …)``; ``title``.
        work_dir: folder of the bench.
        models: names to keep; None keeps all.
        seeds: replaces ``bench.seeds``.
        cfg_options: dotted key to value, for every trial; applied last.
        encoder: as for :func:`~pgf_plugin.config.load_config`, for every trial.
        data_root: likewise.

    Raises:
        ConfigError: if ``bench`` is missing or malformed, ``models`` names what it lacks, or
            ``encoder`` or ``data_root`` fits none of the models, or two trials are the same.
    """
    bench = _check_bench(config)
    check_models(bench, models)
    chosen = list(cells(bench, models))
    for key, value in (cfg_options or {}).items():
        if said := fixed_problem(key, value):
            raise ConfigError(f"--cfg-options {key}: {said}")
    configs = {cell.label: cell.config(config) for cell in chosen}
    apply_places(config, configs, encoder, data_root)
    for trial in configs.values():
        apply_options(trial, cfg_options or {})
        name_imported(trial)
    numbers = [check_seed("bench.seeds", seed) for seed in dict.fromkeys(seeds or bench["seeds"])]
    corruptions, metric = read_corruptions(bench), metric_of(bench)
    trials = [
        _trial(cell, seed, configs[cell.label], work_dir, metric)._replace(corruptions=corruptions)
        for seed in numbers
        for cell in chosen
    ]
    _check_different(trials[: len(chosen)])
    return trials


def _trial(cell: Cell, seed: int, config: Config, work_dir: Path, metric: str) -> Trial:
    config = deepcopy(config)
    config.randomness = {**(config.get("randomness") or {}), "seed": seed}
    mark = fingerprint(config)
    folder = trial_folder(work_dir, cell.model, seed, cell.dataset, cell.setting)
    config.work_dir = str(folder)
    names = [slug(name) for name in (cell.dataset, cell.model, cell.setting) if name]
    config.experiment_name = f"{'_'.join(names)}_{seed}_{mark[:6]}"
    return Trial(cell.model, seed, config, folder, mark, cell.dataset, cell.setting, metric)


def _check_bench(config: Config) -> dict[str, Any]:
    if problems := bench_problems(config):
        raise ConfigError("\n".join(map(str, problems)))
    return config.bench


def check_models(bench: Mapping[str, Any], models: Sequence[str] | None) -> None:
    """See that ``--models`` names what there is, and leaves the reference in the table.

    Raises:
        ConfigError: if it does not.
    """
    entries = bench["models"]
    check_chosen("models", models or (), entries)
    reference = bench.get("reference")
    of = [name for name in entries if f"{reference} (".startswith(f"{name} (")]  # or a row of it
    if models and of and not set(of) & set(models):
        raise ConfigError(
            f"--models leaves out {reference!r}, the bench.reference: name it too, or compare with "
            f"another model (--cfg-options bench.reference={models[0]!r})"
        )


def _check_different(trials: Sequence[Trial]) -> None:
    """Trials of one seed must differ in their config: the same one twice is no comparison."""
    labels: dict[str, str] = {}
    for trial in trials:
        twin = labels.setdefault(trial.fingerprint, trial.label)
        if twin != trial.label:
            raise ConfigError(f"bench: {same_twice(twin, trial.label)}")


def same_twice(one: str, other: str) -> str:
    """Tell two rows whose trials are the same."""
    return (
        f"{one!r} and {other!r} are the same trial twice: their configs do not differ. Leave one "
        "out, or change it"
    )

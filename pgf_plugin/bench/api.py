"""A bench from Python: names in, a data frame out."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mmengine.config import Config
from rich.console import Console

from pgf_plugin.bench.compose import Entry
from pgf_plugin.bench.run import run_bench
from pgf_plugin.bench.schema import KEYS
from pgf_plugin.compat import only_weights_loaded
from pgf_plugin.errors import ConfigError, did_you_mean, shown
from pgf_plugin.plugin import load_entry_points

Entries = str | Sequence[str] | Mapping[str, Entry]
"""Name of a config, several of them, or name in the table to config or overrides."""


def run(
    models: Entries,
    datasets: Entries | None = None,
    seeds: int | Iterable[int] = (0, 1, 2),
    *,
    work_dir: str | Path | None = None,
    encoder: str | None = None,
    data_root: str | Path | None = None,
    cfg_options: Mapping[str, Any] | None = None,
    executor: str | Mapping[str, Any] | None = None,
    console: Console | None = None,
    **bench: Any,
) -> pd.DataFrame:
    """Train every model on every dataset with every seed, and return the results.

    The same call goes on where it was interrupted, and repeats no finished trial::

        import pgf_plugin.bench

        frame = pgf_plugin.bench.run(
            models=["pgf_net_minilm_synthetic", "text_only_minilm_synthetic"],
            seeds=[0, 1],
            cfg_options={"train_cfg.max_epochs": 3},
        )
        frame.groupby("model")["metric/MAE"].agg(["mean", "std"])

    Args:
        models: names of configs, which are called by their file names in the table; or name in the
            table to the name of a config, or ``dict(config=name, **overrides)``.
        datasets: likewise: ``'mosi_mmsa_aligned'``, ``dict(config=name, data_root=DIR)``, …; None
            for those of the models' configs.
        seeds: one a trial.
        work_dir: where the bench writes; ``work_dirs/bench_…``, a name made of what is compared,
            where it is None.
        encoder: name of the text encoder for every trial.
        data_root: folder of the data for every trial.
        cfg_options: dotted key to value, for every trial.
        executor: as ``bench.executor``.
        console: where progress and table go; the standard output where it is None.
        bench: further keys of a bench config, such as ``sweep``, ``metric`` or ``reference``.

    Returns:
        One row a trial, the failed ones too, as ``results.parquet`` in ``work_dir`` has it: see
        :func:`~pgf_plugin.bench.frame.results_frame`.

    Raises:
        ConfigError: if something cannot work, before the first trial is run.
        WorkDirError: if ``work_dir`` cannot be written to, or another process writes there.
    """
    for key, value in bench.items():
        if key not in KEYS:
            allowed = [name for name in KEYS if name not in ("models", "datasets", "seeds")]
            raise ConfigError(
                f"pgf_plugin.bench.run takes no {key!r} (got {shown(value)}), but the keys of a "
                f"bench, {allowed}.{did_you_mean(key, allowed)}"
            )
    keys = {"models": _named(models), "seeds": _plain(seeds)}
    if datasets is not None:
        keys["datasets"] = _named(datasets)
    if executor is not None:
        keys["executor"] = executor
    config = Config({"bench": {**keys, **bench}})
    # More seeds, or another place to run at, go on in the same folder.
    compared = {key: keys[key] for key in keys if key not in ("seeds", "executor")}
    mark = _mark(compared, bench, encoder, data_root, cfg_options)
    load_entry_points()
    with only_weights_loaded():
        result = run_bench(
            config,
            work_dir or Path("work_dirs", f"bench_{mark}"),
            cfg_options=cfg_options,
            encoder=encoder,
            data_root=data_root,
            console=console,
        )
    return result.frame()


def _plain(seeds: int | Iterable[int]) -> list[Any]:
    """Seeds as a config has them: numpy's integers are none of Python's."""
    several = [seeds] if isinstance(seeds, int | np.generic) else list(seeds)
    return [seed.item() if isinstance(seed, np.generic) else seed for seed in several]


def _named(entries: Entries) -> dict[str, Entry]:
    """Entries by their names in the table: those of the files, where nobody names them."""
    if isinstance(entries, Mapping):
        return dict(entries)
    names = [entries] if isinstance(entries, str) else list(entries)
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"bench: {twice[0]!r} is named twice: the same trial twice")
    by_stem = {Path(name).name.removesuffix(".py"): name for name in names}
    return dict(by_stem) if len(by_stem) == len(names) else {name: name for name in names}


def _mark(*parts: Any) -> str:
    """Short hash of what is compared."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:8]

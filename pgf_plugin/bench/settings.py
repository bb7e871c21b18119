"""The settings of a bench: overrides by name, and the product of a sweep."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from mmengine.config import Config
from torch.utils.data import DataLoader

from pgf_plugin.bench.names import folder_clash, short_names
from pgf_plugin.config.load import type_name
from pgf_plugin.config.problem import Problem
from pgf_plugin.config.signatures import arguments_of
from pgf_plugin.config.slots import LOADER_KEYS, LOADERS, SLOTS
from pgf_plugin.config.variables import read_by_runner, variable_problem
from pgf_plugin.errors import did_you_mean, shown
from pgf_plugin.registry import ROOT_REGISTRIES

FIXED = {
    "work_dir": "each trial has its own (--work-dir is that of the bench)",
    "randomness.seed": "set bench.seeds (--seeds) instead",
    "bench": "set its keys, such as bench.title, one by one",
    "default_hooks.checkpoint.out_dir": "each trial keeps its checkpoints in its own folder",
}
"""Keys that a bench sets for each trial, and why."""

Options = dict[str, Any]
"""Dotted key to value, as ``--cfg-options`` has it."""


def expand_settings(bench: Mapping[str, Any]) -> dict[str, Options]:
    """The settings of a bench by name: each of ``settings`` with each combination of ``sweep``.

    Returns:
        name to overrides; one setting without a name where the bench has neither.
    """
    named = bench.get("settings") or {"": {}}
    combinations = _combinations(bench.get("sweep") or {})
    return {
        ", ".join(filter(None, (name, swept))): {**options, **values}
        for name, options in named.items()
        for swept, values in combinations
    }


def _combinations(sweep: Mapping[str, Sequence[Any]]) -> list[tuple[str, Options]]:
    """Name and overrides of each combination, ``'lora_rank=8, lr=0.001'``."""
    short = short_names(list(sweep))
    return [
        (
            ", ".join(f"{short[key]}={value}" for key, value in zip(sweep, values, strict=True)),
            dict(zip(sweep, values, strict=True)),
        )
        for values in product(*sweep.values())
    ]


def setting_problems(bench: Mapping[str, Any]) -> list[Problem]:
    """Find what is wrong with ``settings`` and ``sweep``, apart from the keys that they change."""
    problems = [*_named_problems(bench.get("settings")), *_sweep_problems(bench.get("sweep"))]
    if problems:
        return problems
    if clash := folder_clash(expand_settings(bench)):
        problems.append(Problem("bench.sweep" if bench.get("sweep") else "bench.settings", clash))
    return problems


def _named_problems(settings: Any) -> Iterator[Problem]:
    if settings is None:
        return
    if not isinstance(settings, dict) or not settings:
        said = "must be a dict of name to overrides, such as {'rank 8': {'model.rank': 8}}"
        yield Problem("bench.settings", f"{said}, got {shown(settings)}")
        return
    for name, options in settings.items():
        if not isinstance(name, str) or not name:
            said = f"a name must be a string that is not empty, got {name!r}"
            yield Problem("bench.settings", said)
        if not isinstance(options, dict) or not all(isinstance(key, str) for key in options):
            said = f"must be a dict of dotted key to value, got {shown(options)}"
            yield Problem(f"bench.settings[{name!r}]", said)


def _sweep_problems(sweep: Any) -> Iterator[Problem]:
    if sweep is None:
        return
    if not isinstance(sweep, dict) or not sweep:
        said = "must be a dict of dotted key to values, such as {'model.rank': [4, 8]}"
        yield Problem("bench.sweep", f"{said}, got {shown(sweep)}")
        return
    for key, values in sweep.items():
        place = f"bench.sweep[{key!r}]"
        if not isinstance(key, str) or not isinstance(values, list | tuple) or not values:
            yield Problem(place, f"must be a list with at least one value, got {shown(values)}")
        elif len(set(map(str, values))) < len(values):
            yield Problem(place, f"names a value twice: {shown(values)}")


def key_problems(config: Config, bench: Mapping[str, Any], setting: str) -> Iterator[Problem]:
    """Find the keys of a setting that a config has no place for.

    Args:
        config: of one model, before the setting is applied.
        bench: ``bench`` of the bench config.
        setting: name of the setting.
    """
    swept = bench.get("sweep") or {}
    for key, value in expand_settings(bench)[setting].items():
        lack = fixed_problem(key, value) or _lack(config, key, strict=key in swept)
        if lack and key in swept:
            advice = "sweep it in a bench of models that have it (--models)"
            yield Problem(f"bench.sweep[{key!r}]", f"{lack}; or {advice}")
        elif lack:
            yield Problem(f"bench.settings[{setting!r}][{key!r}]", lack)


def fixed_problem(key: str, value: Any = None) -> str | None:
    """Why a dotted key cannot be set; None for one that can.

    Args:
        key: such as ``randomness``.
        value: of it; a dict may set a fixed key below, such as ``randomness.seed``.
    """
    below = [f"{key}.{name}" for name in value] if isinstance(value, Mapping) else []
    found = next((name for name in (key, *below) if name in FIXED), None)
    return f"cannot be set in a bench: {FIXED[found]}" if found else None


def fixed_below(config: Config) -> Iterator[Problem]:
    """Find where the config of a model, and all that changes it, would send its checkpoints."""
    hooks = config.get("default_hooks")
    saver = hooks.get("checkpoint") if isinstance(hooks, Mapping) else None
    if isinstance(saver, Mapping) and saver.get("out_dir") is not None:
        key = "default_hooks.checkpoint.out_dir"
        yield Problem(key, f"{fixed_problem(key)}: leave it out, got {shown(saver['out_dir'])}")


def _lack(config: Config, key: str, strict: bool) -> str | None:
    """Why a dotted key has no place in a config; None where it has one."""
    node: Any = config._cfg_dict
    if key.split(".")[0] in node and (said := variable_problem(key)):
        return said
    path = ""
    for part in key.split("."):
        if isinstance(node, list | tuple) and part.isdigit() and int(part) < len(node):
            node, path = node[int(part)], f"{path}.{part}"
            continue
        if not isinstance(node, dict):
            return f"{path[1:]} is {shown(node)} there, and has no {part!r}"
        if part not in node:
            return _absent(node, part, path[1:], strict)
        node, path = node[part], f"{path}.{part}"
    return None


def _absent(node: Mapping[str, Any], part: str, path: str, strict: bool) -> str | None:
    """Why a key that a node has not cannot be added to it."""
    accepted = _accepted(node, path)
    names = [str(name) for name in dict.fromkeys([*node, *sorted(accepted or ())]) if name]
    if part in names or (accepted is None and not strict):
        return None
    where = f"{path} of this config" if path else "this config"
    kind = f" ({type_name(node)})" if type_name(node) else ""
    return f"{where}{kind} has no {part!r}.{did_you_mean(part, names)}".rstrip(".")


def _accepted(node: Mapping[str, Any], path: str) -> frozenset[str] | None:
    """Arguments of what is built from a node; None where that is nothing, or takes any."""
    if not path:
        return read_by_runner()
    if path in LOADERS:
        return (arguments_of(DataLoader).accepted or frozenset()) | set(LOADER_KEYS)
    slot = SLOTS.get(path.rpartition(".")[2])
    kind = node.get("type") or (slot.default if slot else None)
    if isinstance(kind, str):
        name = kind.rpartition(".")[2]
        named = (registry.module_dict.get(name) for registry in ROOT_REGISTRIES.values())
        kind = next((found for found in named if found is not None), None)
    if not callable(kind):
        return None
    accepted = arguments_of(kind).accepted
    return accepted and accepted | set(slot.extra if slot else ())

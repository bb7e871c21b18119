"""Checks a search before the first trial runs: its keys, its ranges, and what they do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

from pgf_plugin.config import Problem, apply_options, check_config
from pgf_plugin.config.problem import unique
from pgf_plugin.config.slots import TEST_KEYS, TRAIN_KEYS, VAL_KEYS
from pgf_plugin.config.variables import variable_problem
from pgf_plugin.errors import ConfigError, MissingExtraError, did_you_mean, shown
from pgf_plugin.tune.settings import KEY, settings_problems
from pgf_plugin.tune.space import Parameter, Space, parse_space
from pgf_plugin.tune.trial_config import base_config

NEEDS = (*TRAIN_KEYS, *VAL_KEYS)
"""Keys without which there is nothing to search."""

_FIXED = {
    **dict.fromkeys(TEST_KEYS, "no search may look at the test set"),
    "val_evaluator": "it defines what is searched for",
    "randomness": "set tune.seeds instead",
    "work_dir": "each trial has its own",
    "experiment_name": "each trial has its own",
    "launcher": "it is no part of the model or its training",
    "load_from": "list whole models instead",
    "resume": "a trial is resumed by itself",
}
"""Keys that cannot vary, and why."""


def tune_problems(cfg: Config) -> list[Problem]:
    """Find everything that is wrong with the search of a config.

    Each option, and each end of a range, is also put into the config, whose components then check
    it: a rank of 0 or a misspelt name is found before the trial that draws it.
    """
    try:
        found = list(settings_problems(cfg))
    except MissingExtraError as error:
        return [Problem(KEY, str(error))]
    if (cfg.get("launcher") or "none") != "none":
        said = f"is {cfg.launcher!r}: a search trains in one process, leave it out"
        found.append(Problem("launcher", said))
    tune = cfg.get(KEY)
    space = parse_space(tune.get("space"))[0] if isinstance(tune, Mapping) else ()
    of_keys = list(_key_problems(cfg, space))
    found += of_keys
    wrong = {problem.key for problem in found}
    right = tuple(part for part in space if _place(part) not in wrong)
    return unique([*found, *_value_problems(cfg, right)])


def _place(part: Parameter) -> str:
    return f"{KEY}.space[{part.key!r}]"


def _key_problems(cfg: Config, space: Space) -> Iterator[Problem]:
    """Keys that the config has not, that cannot vary, or of which one holds another."""
    for part in space:
        if said := _unknown(cfg, part.key):
            yield Problem(_place(part), said)
        for other in space:
            if part.key.startswith(f"{other.key}."):
                said = f"lies inside {other.key!r}, which varies as well: give one of the two"
                yield Problem(_place(part), said)


def _unknown(cfg: Config, key: str) -> str | None:
    """What is wrong with a path; its last part may be an argument that the config leaves out."""
    root, *rest = key.split(".")
    if root in _FIXED:
        return f"cannot vary: {_FIXED[root]}"
    if root not in cfg or root == KEY:
        return f"the config has no {root!r}.{did_you_mean(root, cfg.keys())}"
    if said := variable_problem(key):
        return said
    node, place = cfg[root], root
    for number, name in enumerate(rest):
        said, node = _step(node, name, place, is_last=number == len(rest) - 1)
        if said:
            return said
        place = f"{place}.{name}"
    return None


def _step(node: Any, name: str, place: str, *, is_last: bool) -> tuple[str | None, Any]:
    """Go from a node to one below it: what is wrong, and the node."""
    if isinstance(node, list | tuple):
        if name.isdecimal() and int(name) < len(node):
            return None, node[int(name)]
        return f"{place} is a list of {len(node)}, got the position {name!r}", None
    if not isinstance(node, Mapping):
        return f"{place} is {shown(node, 40)}, without a key {name!r}", None
    if name in node:
        return None, node[name]
    if is_last and "type" in node:  # whether its component takes it, the check of the values tells
        return None, None
    listed = ", ".join(map(repr, node)) or "nothing"
    return f"{place} has no {name!r}, it has {listed}.{did_you_mean(name, node)}".rstrip("."), None


def _value_problems(cfg: Config, space: Space) -> Iterator[Problem]:
    """Values that the config refuses, whatever the other parameters are."""
    known = set(check_config(base_config(cfg)))
    firsts, lasts = ({part.key: part.ends()[end] for part in space} for end in (0, -1))
    for part in space:
        for value in part.ends():
            refused = _refusal(cfg, {part.key: value}, known)
            if refused and all(
                _refusal(cfg, {**rest, part.key: value}, known) for rest in (firsts, lasts)
            ):
                yield Problem(_place(part), f"{shown(value)} is refused: {refused}")
                break


def _refusal(cfg: Config, values: Mapping[str, Any], known: set[Problem]) -> Problem | None:
    try:
        config = base_config(cfg)
        apply_options(config, values)
    except ConfigError as error:
        return Problem("config", str(error))
    of_model = any(key.partition(".")[0] in ("model", "data_preprocessor") for key in values)
    found: Sequence[Problem] = check_config(config, build_model=of_model)
    return next((problem for problem in found if problem not in known), None)

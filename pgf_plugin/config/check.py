"""Checks a whole config against the components that it names, before a weight or a file is read.

The registry of a node follows from its place: ``model`` and all below it is built by ``MODELS``,
a dataloader's ``dataset`` by ``DATASETS``, and so on, as ``Runner`` does. Every key and value is
compared with the signature of the component, small components are built for a trial, and the model
is built on the meta device, so that one error lists everything that is wrong.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from pgf_plugin.config import engine_dicts, relations
from pgf_plugin.config.annotations import fits
from pgf_plugin.config.loaders import are_several, loaders_of, parts_of
from pgf_plugin.config.needs import check_collate
from pgf_plugin.config.nodes import NodeChecker
from pgf_plugin.config.optimization import check_optimization
from pgf_plugin.config.problem import Problem, config_error, isolated, unique
from pgf_plugin.config.signatures import arguments_of, misfits, type_problem
from pgf_plugin.config.slots import LOADER_KEYS, LOADERS, SLOTS, TOP_LEVEL, Slot
from pgf_plugin.config.trial import loader_problems
from pgf_plugin.config.values import refused_values
from pgf_plugin.errors import misspelt, shown
from pgf_plugin.registry import SCOPE

_OF_LOADERS = {"num_batch_per_epoch": int, "disable_subprocess_warning": bool}
_ONE_LOADER = (
    "must be one dataloader, dict(batch_size=…, dataset=…, sampler=…), got {}: the engine's loop "
    "takes one. A loop of your own may take several ({}_cfg.type)"
)
_AT_LEAST_ONE = ("max_epochs", "max_iters", "val_interval")
_BUILT = ("dataset", "sampler", "collate_fn", "worker_init_fn", *LOADER_KEYS)
"""Keys of a dataloader that are not numbers and switches of torch's."""


def check_config(cfg: Config | Mapping[str, Any], *, build_model: bool = True) -> list[Problem]:
    """Return everything that is wrong with a config, in the order of its keys.

    Args:
        cfg: a config for ``Runner``; keys that ``Runner`` does not know are variables and may be
            anything.
        build_model: whether to build the model on the meta device, so that its constructors
            check the values.
    """
    scope = cfg.get("default_scope")
    checker = NodeChecker(scope if scope and isinstance(scope, str) else SCOPE, _num_epochs(cfg))
    problems = list(isolated("config", lambda: _check_top_level(cfg, checker)))
    mistyped = {problem.key for problem in problems}
    for key in TOP_LEVEL:
        if key not in mistyped:
            problems += isolated(key, _check_of(checker, key, cfg.get(key), cfg))
        if key == "model" and build_model and isinstance(cfg.get(key), dict):
            problems += isolated(key, partial(_model_values, cfg[key], tuple(problems)))
    for key, loader in loaders_of(cfg):
        if key not in mistyped:
            problems += isolated(key, partial(_check_loader, checker, key, loader))
    for check in (
        lambda: check_collate(cfg),
        lambda: relations.check_tokenizers(cfg),
        lambda: relations.check_features(cfg, checker),
        lambda: relations.check_monitors(cfg, checker),
        lambda: relations.check_averaging(cfg, checker),
    ):
        problems += isolated("config", check)
    return unique(problems)


def raise_problems(cfg: Config | Mapping[str, Any], context: str = "config") -> None:
    """Check a config and raise one error that lists everything that is wrong.

    Args:
        cfg: as for :func:`check_config`.
        context: what the error calls the config.

    Raises:
        ConfigError: if there is a problem.
    """
    if problems := check_config(cfg):
        raise config_error(problems, context)


def _check_top_level(cfg: Mapping[str, Any], checker: NodeChecker) -> Iterator[Problem]:
    runner = arguments_of(Runner)
    known = [key for key in runner.accepted or () if key != "cfg"]
    if not cfg.get("model"):
        yield Problem("model", "a config needs a model, such as dict(type='PGFNet', …)")
    for key, value in cfg.items():
        if key in known and key in runner.types:
            if key in LOADERS and are_several(value):
                if not _loop_takes_several(cfg, key, checker):
                    yield Problem(key, _ONE_LOADER.format(shown(value), key.partition("_")[0]))
                continue
            absent = value is None and runner.defaults.get(key, value) is None
            problem = None if absent else type_problem(value, runner.types[key])
            if problem:
                yield Problem(key, problem)
        elif (near := misspelt(key, known)) and near not in cfg:
            yield Problem(
                key,
                f"Runner does not know this key (got {shown(value, 40)}). Did you mean {near!r}?",
            )
    yield from relations.check_together(cfg)
    yield from (Problem(*found) for found in engine_dicts.runner_dicts(cfg))


def _check_of(
    checker: NodeChecker, key: str, value: Any, cfg: Mapping[str, Any]
) -> Callable[[], Iterable[Problem]]:
    """The check of a top-level key."""
    if key == "optim_wrapper":
        return lambda: check_optimization(checker, key, value)
    if key in ("default_hooks", "custom_hooks"):
        return lambda: _check_hooks(checker, key, value)
    if key == "train_cfg":
        return lambda: _check_train_cfg(checker, key, value)
    if key in ("val_evaluator", "test_evaluator"):
        # Where a loop has several dataloaders, it may have an evaluator for each.
        several = are_several(cfg.get(key.replace("evaluator", "dataloader")))
        return lambda: [
            problem
            for place, part in (parts_of(key, value) if several else [(key, value)])
            for problem in checker.place(place, part, _slot_of_evaluator(key, part))
        ]
    if key == "param_scheduler" and isinstance(value, dict) and "type" not in value:
        return lambda: [  # several optimizers, each with schedulers of its own
            problem
            for name, part in value.items()
            for problem in checker.place(f"{key}.{name}", part, SLOTS[key])
        ]
    return lambda: checker.place(key, value, SLOTS[key])


def _slot_of_evaluator(key: str, value: Any) -> Slot:
    whole = isinstance(value, dict) and "metrics" in value
    return Slot("EVALUATOR", "Evaluator") if whole else SLOTS[key]


def _check_hooks(checker: NodeChecker, key: str, hooks: Any) -> Iterator[Problem]:
    by_name = isinstance(hooks, dict)
    if not isinstance(hooks, dict | list | tuple):
        return
    for name, hook in hooks.items() if isinstance(hooks, dict) else enumerate(hooks):
        place = f"{key}.{name}" if by_name else f"{key}[{name}]"
        if hook is None and not by_name:
            yield Problem(place, "must be dict(type=…), got None")
        yield from isolated(
            place,
            lambda: checker.place(place, hook, SLOTS["default_hooks"]),  # noqa: B023
        )
        if isinstance(hook, dict):
            yield from (Problem(*found) for found in engine_dicts.hook_priority(place, hook))


def _check_train_cfg(checker: NodeChecker, key: str, loop: Any) -> Iterator[Problem]:
    slot = SLOTS[key]
    if not isinstance(loop, dict):
        yield from checker.place(key, loop, slot)
        return
    if "type" in loop and "by_epoch" in loop:
        yield Problem(
            f"{key}.by_epoch", f"is {loop['by_epoch']!r} beside type: mmengine takes one of the two"
        )
    elif "type" not in loop and "by_epoch" not in loop:
        yield Problem(f"{key}.by_epoch", "is missing: set by_epoch=True or False, or a type")
    elif "by_epoch" in loop and (problem := type_problem(loop["by_epoch"], bool)):
        yield Problem(f"{key}.by_epoch", problem)
    elif "type" not in loop and not loop["by_epoch"]:
        slot = Slot("LOOPS", "IterBasedTrainLoop", slot.supplied, slot.extra)
    yield from checker.place(key, loop, slot)
    for name in _AT_LEAST_ONE if "type" not in loop else ():
        value = loop.get(name, 1)
        if isinstance(value, int | float) and fits(value, int) and value < 1:
            yield Problem(f"{key}.{name}", f"must be an integer >= 1, got {value!r}")


def _loop_takes_several(cfg: Mapping[str, Any], key: str, checker: NodeChecker) -> bool:
    """Whether the loop of a dataloader may take several: one that is not of the engine."""
    loop_key = f"{key.partition('_')[0]}_cfg"
    loop = cfg.get(loop_key)
    if not isinstance(loop, Mapping) or loop.get("type") is None:
        return False
    kind = checker.resolve(loop_key, loop["type"], SLOTS[loop_key])
    return getattr(kind, "__module__", "").partition(".")[0] != "mmengine"


def _check_loader(checker: NodeChecker, key: str, loader: Mapping[str, Any]) -> Iterator[Problem]:
    found = dict(misfits(DataLoader, loader, extra=LOADER_KEYS))
    found |= {
        name: problem
        for name, kind in _OF_LOADERS.items()
        if name in loader and (problem := type_problem(loader[name], kind))
    }
    if "batch_size" not in loader:
        found["batch_size"] = "a dataloader needs a batch_size, such as 16"
    if loader.get("dataset", ...) is None:
        found["dataset"] = "must be dict(type=…), got None"
    if loader.get("collate_fn", ...) is None:
        found["collate_fn"] = "must be dict(type=…), got None: leave it out for the engine's own"
    if "sampler" not in loader:
        found["sampler"] = "a dataloader needs a sampler, such as dict(type='DefaultSampler')"
    yield from (Problem(f"{key}.{name}", message) for name, message in found.items())
    plain = {k: v for k, v in loader.items() if k not in _BUILT and k not in found}
    if plain.get("batch_sampler", ...) is None:
        del plain["batch_sampler"]
    yield from (Problem(*refused) for refused in loader_problems(key, plain))
    for name, value in loader.items():
        if name in SLOTS and name not in found:
            yield from isolated(
                f"{key}.{name}",
                lambda: checker.place(f"{key}.{name}", value, SLOTS[name]),  # noqa: B023
            )


def _model_values(model: dict[str, Any], problems: Collection[Problem]) -> Iterator[Problem]:
    """What the model's constructors refuse, of what is not known to be wrong already."""
    wrong = {p.key for p in problems if p.key == "model" or p.key.startswith("model.")}
    if wrong & {"model", "model.type"}:
        return
    rest = _without("model", model, wrong)
    complete = not wrong
    yield from (Problem(*found) for found in refused_values(rest, complete=complete))


def _without(key: str, value: Any, wrong: Collection[str]) -> Any:
    """Copy a tree without its wrong entries; a node that cannot be built goes as a whole."""
    if isinstance(value, dict):
        return {
            name: _without(f"{key}.{name}", item, wrong)
            for name, item in value.items()
            if f"{key}.{name}" not in wrong and not _is_unbuildable(f"{key}.{name}", item, wrong)
        }
    if isinstance(value, list | tuple):
        kept = [
            _without(f"{key}[{position}]", item, wrong)
            for position, item in enumerate(value)
            if f"{key}[{position}]" not in wrong
        ]
        return type(value)(kept)
    return value


def _is_unbuildable(key: str, value: Any, wrong: Collection[str]) -> bool:
    """Whether the type of a node is wrong, or an argument that it needs is missing."""
    if not isinstance(value, dict):
        return False
    inside = {path.removeprefix(f"{key}.") for path in wrong if path.startswith(f"{key}.")}
    return any(path == "type" or ("." not in path and path not in value) for path in inside)


def _num_epochs(cfg: Mapping[str, Any]) -> int | None:
    loop = cfg.get("train_cfg")
    epochs = loop.get("max_epochs") if isinstance(loop, Mapping) else None
    return epochs if isinstance(epochs, int) and epochs > 0 else None

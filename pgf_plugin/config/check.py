"""Checks a whole config against the components that it names, before a weight or a file is read.

The registry of a node follows from its place: ``model`` and all below it is built by ``MODELS``,
a dataloader's ``dataset`` by ``DATASETS``, and so on, as ``Runner`` does. Every key is compared
with the signature of the component, and the model is built on the meta device, so that one error
lists everything that is wrong.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from pgf_plugin.config.load import nodes, type_name
from pgf_plugin.config.signatures import arguments_of, misfits
from pgf_plugin.config.slots import LOADER_KEYS, LOADERS, SLOTS, TOGETHER, TOP_LEVEL, Slot
from pgf_plugin.config.values import refused_values
from pgf_plugin.errors import ConfigError, did_you_mean
from pgf_plugin.plugin import BrokenComponent
from pgf_plugin.registry import ROOT_REGISTRIES, SCOPE

RESERVED = ("type", "_scope_", "_delete_")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a config.

    Attributes:
        key: path of the node or argument, such as ``'model.encoder.lora_rank'``.
        message: what is wrong, and what is allowed.
    """

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


def check_config(cfg: Config | Mapping[str, Any], *, build_model: bool = True) -> list[Problem]:
    """Return everything that is wrong with a config, in the order of its keys.

    Args:
        cfg: a config for ``Runner``; keys that ``Runner`` does not know are variables and may be
            anything.
        build_model: whether to build the model on the meta device, so that its constructors
            check the values.
    """
    scope = cfg.get("default_scope") or SCOPE
    problems = list(_check_top_level(cfg))
    for key in TOP_LEVEL:
        problems += _check_place(key, cfg.get(key), SLOTS[key], scope)
    for key in LOADERS:
        problems += _check_loader(key, cfg.get(key), scope)
    problems += _check_tokenizers(cfg)
    if build_model and cfg.get("model") and not any(_is_below("model", p.key) for p in problems):
        problems += [Problem(*found) for found in refused_values(cfg["model"])]
    return problems


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


def config_error(problems: Sequence[Problem], context: str) -> ConfigError:
    """One error for ``problems``, one line each."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ConfigError("\n  ".join([f"{context}: {count}", *map(str, problems)]))


def _check_top_level(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    known = [key for key in arguments_of(Runner).accepted or () if key != "cfg"]
    if not cfg.get("model"):
        yield Problem("model", "a config needs a model, such as dict(type='PGFNet', …)")
    for key in cfg:
        if key not in known and (near := _misspelt(key, known)):
            yield Problem(key, f"Runner does not know this key. Did you mean {near!r}?")
    for group in TOGETHER:
        missing = [key for key in group if cfg.get(key) is None]
        if missing and len(missing) < len(group):
            for key in missing:
                yield Problem(key, f"{', '.join(group)} belong together, and this one is missing")


def _check_tokenizers(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Token ids of another encoder's vocabulary train without an error, and mean nothing."""
    encoders = {
        node["pretrained"]
        for node in nodes(cfg.get("model"))
        if type_name(node) == "HFTextEncoder" and node.get("pretrained")
    }
    for key in LOADERS:
        for node in nodes((cfg.get(key) or {}).get("dataset")):
            tokenizer = node.get("tokenizer")
            if isinstance(tokenizer, str) and encoders and tokenizer not in encoders:
                yield Problem(
                    f"{key}.dataset.tokenizer",
                    f"is {tokenizer!r}, but the model's encoder is {sorted(encoders)[0]!r}: give "
                    "both the same name (--encoder NAME sets both)",
                )


def _misspelt(key: str, known: Collection[str]) -> str | None:
    """The key that ``key`` is one or two letters away from, if any."""
    near = get_close_matches(key, known, n=1, cutoff=0.92)
    return near[0] if near else None


def _check_place(key: str, value: Any, slot: Slot, scope: str) -> Iterator[Problem]:
    """Check what stands at ``key``: a node, a list of nodes, or nodes by name."""
    if isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _check_place(f"{key}[{position}]", item, slot, scope)
    elif key == "default_hooks" and isinstance(value, dict):
        for name, hook in value.items():
            yield from _check_place(f"{key}.{name}", hook, slot, scope)
    elif key in ("val_evaluator", "test_evaluator") and _has(value, "metrics"):
        yield from _check_node(key, value, Slot("EVALUATOR", "Evaluator"), scope)
    elif key == "train_cfg" and _has(value, "by_epoch") and not value["by_epoch"]:
        slot = Slot("LOOPS", "IterBasedTrainLoop", slot.supplied, slot.extra)
        yield from _check_node(key, value, slot, scope)
    elif isinstance(value, dict):
        yield from _check_node(key, value, slot, scope)


def _check_loader(key: str, loader: Any, scope: str) -> Iterator[Problem]:
    if not isinstance(loader, dict):
        return
    for name, message in misfits(DataLoader, loader, extra=LOADER_KEYS):
        yield Problem(f"{key}.{name}", message)
    if "batch_size" not in loader:
        yield Problem(f"{key}.batch_size", "a dataloader needs a batch_size")
    if "sampler" not in loader:
        yield Problem(
            f"{key}.sampler", "a dataloader needs a sampler, such as dict(type='DefaultSampler')"
        )
    for name, value in loader.items():
        if name in SLOTS:
            yield from _check_place(f"{key}.{name}", value, SLOTS[name], scope)


def _check_node(key: str, node: Mapping[str, Any], slot: Slot, scope: str) -> Iterator[Problem]:
    """Check one node and, recursively, the nodes in its arguments."""
    given = {name: value for name, value in node.items() if name not in RESERVED}
    component = _resolve(key, node.get("type", slot.default), slot, scope)
    if isinstance(component, Problem):
        yield component
    else:
        supplied = _supplied(component, slot, nested="." in key)
        for name, message in misfits(component, given, supplied, slot.extra):
            yield Problem(f"{key}.{name}", message)
    for name, value in given.items():
        yield from _check_argument(f"{key}.{name}", name, value, slot, scope)


def _check_argument(key: str, name: str, value: Any, slot: Slot, scope: str) -> Iterator[Problem]:
    """Check an argument that is itself a node, a list of nodes, or neither."""
    inner = SLOTS.get(name) if slot.registry != "MODELS" else None
    if _has(value, "type"):
        yield from _check_node(key, value, inner or Slot(slot.registry), scope)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _check_argument(f"{key}[{position}]", name, item, slot, scope)
    elif isinstance(value, dict) and slot.registry == "MODELS":
        for part, item in value.items():
            yield from _check_argument(f"{key}.{part}", part, item, slot, scope)


def _supplied(component: Any, slot: Slot, *, nested: bool) -> Sequence[str] | None:
    """Arguments that the builder fills in; None where that is not known.

    A part of a model declares them in its attribute ``supplied``. One that does not is left to
    the meta build, which sees what its parent really passes.
    """
    if slot.registry == "FUNCTIONS":  # called with the batch, or the worker's number
        return arguments_of(component).required[:1]
    if slot.registry == "MODELS" and nested:
        return getattr(component, "supplied", None)
    return slot.supplied


def _resolve(key: str, kind: Any, slot: Slot, scope: str) -> Callable[..., Any] | Problem:
    """Return the component that ``type`` names, or what is wrong with it."""
    registry: Registry = ROOT_REGISTRIES[slot.registry]
    if kind is None:
        return Problem(key, f"needs a type, the name of a component of {slot.registry}")
    if not isinstance(kind, str):
        if callable(kind):
            return kind
        return Problem(f"{key}.type", f"must be a name or a class, got {kind!r}")
    try:
        with registry.switch_scope_and_registry(scope) as active:
            component = active.get(kind)
    except RuntimeError:  # how mmengine 0.10.7 says that there is none
        component = None
    if component is None:
        hint = did_you_mean(kind.rpartition(".")[2], registry.module_dict)
        return Problem(
            f"{key}.type", f"no component {kind!r} is registered in {slot.registry}.{hint}"
        )
    if isinstance(component, BrokenComponent):
        return Problem(f"{key}.type", component.summary)
    return component


def _has(value: Any, key: str) -> bool:
    return isinstance(value, dict) and key in value


def _is_below(key: str, path: str) -> bool:
    return path == key or path.startswith(f"{key}.")

"""Checks what two parts of a config say of one thing."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.optim.scheduler import ReduceOnPlateauParamScheduler

from pgf_plugin.config.load import nodes, type_name
from pgf_plugin.config.loaders import are_several, loaders_of
from pgf_plugin.config.nodes import RESERVED, NodeChecker
from pgf_plugin.config.problem import Problem
from pgf_plugin.config.slots import SLOTS, TOGETHER
from pgf_plugin.errors import did_you_mean
from pgf_plugin.evaluation.catalogue import rule_of
from pgf_plugin.evaluation.collected import ScoresMetric
from pgf_plugin.models.base import MSAModel
from pgf_plugin.registry import SCOPE
from pgf_plugin.structures import MODALITIES

_DATASETS = ("MSADataset", "SyntheticMSADataset")
_WAIT_FOR_METRICS: dict[type, str] = {
    CheckpointHook: "save_best",
    EarlyStoppingHook: "monitor",
    ReduceOnPlateauParamScheduler: "monitor",
}


def check_together(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys that ``Runner`` takes all or none of."""
    for group in TOGETHER:
        missing = [key for key in group if cfg.get(key) is None]
        if missing and len(missing) < len(group):
            for key in missing:
                yield Problem(key, f"{', '.join(group)} belong together, and this one is missing")


def check_tokenizers(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Token ids of another encoder's vocabulary train without an error, and mean nothing."""
    encoders = {
        node["pretrained"]
        for node in nodes(cfg.get("model"))
        if type_name(node) == "HFTextEncoder" and isinstance(node.get("pretrained"), str)
    }
    for key, node in _datasets(cfg):
        tokenizer = node.get("tokenizer")
        if tokenizer is None and _needs_tokens(node):
            yield Problem(
                f"{key}.tokenizer",
                "is missing, and modalities has 'text': set it to the encoder's name, or use "
                "text features (text_features=True, where the file has them)",
            )
        known = {_resolved(name) for name in encoders}
        if isinstance(tokenizer, str) and known and _resolved(tokenizer) not in known:
            yield Problem(
                f"{key}.tokenizer",
                f"is {tokenizer!r}, but the model's encoder is {sorted(encoders)[0]!r}: give "
                "both the same name (--encoder NAME sets both)",
            )


def _resolved(name: str) -> str:
    """One spelling of a folder; the id of a model, or a folder that is not there, as it is."""
    folder = Path(name).expanduser()
    return str(folder.resolve()) if folder.is_dir() else name


def _needs_tokens(node: Mapping[str, Any]) -> bool:
    """Whether a dataset of this package gives text, and not as features."""
    used = node.get("modalities", MODALITIES)
    listed = isinstance(used, list | tuple) and "text" in used
    return listed and not node.get("text_features") and type_name(node) in _DATASETS


def check_features(cfg: Mapping[str, Any], checker: NodeChecker) -> Iterator[Problem]:
    """Modalities and widths that a model of the batch contract and its data must agree on."""
    model = cfg.get("model")
    expected = model.get("feature_dims") if isinstance(model, Mapping) else None
    if not isinstance(model, Mapping) or not isinstance(expected, Mapping):
        return
    kind = checker.resolve("model", model.get("type"), SLOTS["model"])
    if not (isinstance(kind, type) and issubclass(kind, MSAModel)):
        return
    # What transforms make of the features, they alone know.
    datasets = {
        key: node
        for key, node in _datasets(cfg)
        if type_name(node) in _DATASETS and not (node.get("transforms") or node.get("pipeline"))
    }
    for name, width in expected.items():
        if name in MODALITIES and isinstance(width, int) and width > 0:
            yield from _of_modality(name, width, datasets)


def _of_modality(
    name: str, width: int, datasets: Mapping[str, Mapping[str, Any]]
) -> Iterator[Problem]:
    """Where data lack a modality, or give another width: at the model if all data say so."""
    at_odds = {}
    for key, node in datasets.items():
        used, got = node.get("modalities"), _width(node, name)
        if isinstance(used, list | tuple) and name not in used:
            at_odds[f"{key}.modalities"] = f"is {list(used)}, without {name!r}"
        elif got is not None and got[1] != width:
            at_odds[f"{key}.{got[0]}"] = f"is {got[1]}"
    if at_odds and len(at_odds) == len(datasets):
        place, says = next(iter(at_odds.items()))
        yield Problem(f"model.feature_dims.{name}", f"is {width}, but {place} {says}")
        return
    for place, says in at_odds.items():
        yield Problem(place, f"{says}, but model.feature_dims.{name} is {width}")


def _width(node: Mapping[str, Any], name: str) -> tuple[str, int] | None:
    """Argument and width that a dataset states for a modality; None where it states none."""
    widths = node.get("feature_dims")
    stated = {
        f"feature_dims.{name}": widths.get(name) if isinstance(widths, Mapping) else None,
        f"{name}_dim": node.get(f"{name}_dim"),
    }
    return next(((key, got) for key, got in stated.items() if isinstance(got, int)), None)


def check_monitors(cfg: Mapping[str, Any], checker: NodeChecker) -> Iterator[Problem]:
    """Metrics that a hook or a scheduler waits for, and that no evaluator gives, or the wrong way.

    The engine meets them after the first validation. A metric says which it gives by a class method
    ``metric_names(**arguments)``; nothing is said where one does not.
    """
    if are_several(cfg.get("val_dataloader")):  # their loop alone knows what it calls the metrics
        return
    available = _names_given(cfg.get("val_evaluator"), checker)
    if not available:
        return
    for monitor in _monitors(cfg, checker):
        for name, rule in monitor.metrics():
            if isinstance(name, str) and name not in (*available, "auto"):
                yield Problem(
                    f"{monitor.key}.{monitor.argument}",
                    f"is {name!r}, but val_evaluator gives {', '.join(available)}."
                    f"{did_you_mean(name, available)}".rstrip("."),
                )
            elif rule in ("less", "greater") and rule != (right := rule_of(name) or rule):
                better = "higher" if right == "greater" else "lower"
                yield Problem(
                    f"{monitor.key}.rule",
                    f"is {rule!r}, but a {better} {name} is better: set rule={right!r}",
                )


def check_averaging(cfg: Mapping[str, Any], checker: NodeChecker) -> Iterator[Problem]:
    """A hook that averages weights, for a model whose state grows: the engine fails at a step."""
    model, hooks = cfg.get("model"), cfg.get("custom_hooks")
    if not isinstance(model, Mapping) or not isinstance(hooks, list | tuple):
        return
    kind = checker.resolve("model", model.get("type"), SLOTS["model"])
    if getattr(kind, "can_be_averaged", True):
        return
    for position, node in enumerate(hooks):
        if type_name(node) == "EMAHook":
            yield Problem(
                f"custom_hooks[{position}]",
                f"is EMAHook, which cannot average {model['type']}: its state grows in training. "
                "Leave the hook out, or choose a schedule without it",
            )


class _Monitor(NamedTuple):
    """One that waits for metrics: its place, the argument that names them, and their directions."""

    key: str
    argument: str
    named: Any
    rule: Any

    def metrics(self) -> Iterator[tuple[Any, Any]]:
        """Each metric with its rule, which one may be for all."""
        names = self.named if isinstance(self.named, list | tuple) else [self.named]
        rules = self.rule if isinstance(self.rule, list | tuple) else [self.rule] * len(names)
        return zip_longest(names, rules[: len(names)])


def _monitors(cfg: Mapping[str, Any], checker: NodeChecker) -> Iterator[_Monitor]:
    """The engine's own classes that wait for a metric; to others, the names mean anything."""
    for key, slot, node in _hooks_and_schedulers(cfg):
        kind = checker.resolve(key, node.get("type"), SLOTS[slot])
        for base, argument in _WAIT_FOR_METRICS.items():
            if not isinstance(kind, type) or not issubclass(kind, base):
                continue
            if node.get(argument) is not None:
                rule = node.get("rule")
                if rule is None and base is ReduceOnPlateauParamScheduler:
                    rule = "less"  # the engine's default, whatever the metric is
                yield _Monitor(key, argument, node[argument], rule)


def _hooks_and_schedulers(
    cfg: Mapping[str, Any],
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    hooks = cfg.get("default_hooks")
    for name, hook in hooks.items() if isinstance(hooks, Mapping) else ():
        if isinstance(hook, Mapping):
            yield f"default_hooks.{name}", "default_hooks", hook
    for slot in ("custom_hooks", "param_scheduler"):
        listed = cfg.get(slot)
        if isinstance(listed, Mapping):
            yield slot, slot, listed
        for position, node in enumerate(listed if isinstance(listed, list | tuple) else ()):
            if isinstance(node, Mapping):
                yield f"{slot}[{position}]", slot, node


def metric_names(evaluator: Any, scope: str | None) -> list[str]:
    """Names that an evaluator gives; none where one of its metrics does not say.

    Args:
        evaluator: ``val_evaluator`` or ``test_evaluator`` of a config, which may be malformed.
        scope: ``default_scope`` of the config.
    """
    return _names_given(evaluator, NodeChecker(scope or SCOPE))


def score_names(evaluator: Any, scope: str | None) -> tuple[str, ...]:
    """Names that an evaluator has for the classes or labels of a model; empty where it has none.

    Args:
        evaluator: ``val_evaluator`` or ``test_evaluator`` of a config without problems.
        scope: ``default_scope`` of the config.
    """
    for metric, given in _metrics(evaluator, NodeChecker(scope or SCOPE)):
        if isinstance(metric, type) and issubclass(metric, ScoresMetric):
            return metric(**given).names
    return ()


def _names_given(evaluator: Any, checker: NodeChecker) -> list[str]:
    names: list[str] = []
    for metric, given in _metrics(evaluator, checker):
        give = getattr(metric, "metric_names", None)
        if give is None:
            return []
        prefix = given.get("prefix") or getattr(metric, "default_prefix", None)
        names += [f"{prefix}/{name}" if prefix else name for name in give(**given)]
    return names


def _metrics(evaluator: Any, checker: NodeChecker) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Each metric of an evaluator with its arguments, or what is wrong with it."""
    if isinstance(evaluator, Mapping) and "metrics" in evaluator:
        evaluator = evaluator["metrics"]
    for node in evaluator if isinstance(evaluator, list | tuple) else [evaluator]:
        if not isinstance(node, Mapping):
            yield None, {}
            continue
        metric = checker.resolve("val_evaluator", node.get("type"), SLOTS["val_evaluator"])
        yield metric, {name: value for name, value in node.items() if name not in RESERVED}


def _datasets(cfg: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node below a dataloader's ``dataset`` with its key."""
    for key, loader in loaders_of(cfg):
        yield from _below(f"{key}.dataset", loader.get("dataset"))


def _below(key: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        if "type" in value:
            yield key, value
        for name, item in value.items():
            yield from _below(f"{key}.{name}", item)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _below(f"{key}[{position}]", item)

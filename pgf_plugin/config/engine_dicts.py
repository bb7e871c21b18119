"""Checks the plain dicts of a config: those that the engine reads, but builds nothing from.

mmengine ignores a misspelt key of some of them without a word, and meets one of the others in the
first step.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.runner import Runner
from mmengine.runner.priority import Priority, get_priority
from mmengine.utils.dl_utils import set_multi_processing
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from pgf_plugin.config.signatures import arguments_of, misfits, string_constants, type_problem
from pgf_plugin.errors import did_you_mean, misspelt, shown

Found = tuple[str, str]
"""Key and message."""

_CLIPPING: dict[str, Callable[..., Any]] = {"norm": clip_grad_norm_, "value": clip_grad_value_}
_ENVIRONMENT: dict[str, Any] = {
    "cudnn_benchmark": bool,
    "mp_cfg": dict,
    "dist_cfg": dict,
    "resource_limit": int,
}
_SCALING: dict[str, Any] = {"enable": bool, "base_batch_size": int}
_PARAMWISE: dict[str, Any] = {
    "custom_keys": dict[str, dict],
    **dict.fromkeys(("bias_lr_mult", "bias_decay_mult", "norm_decay_mult"), float | None),
    **dict.fromkeys(("flat_decay_mult", "dwconv_decay_mult", "dcn_offset_lr_mult"), float | None),
    "bypass_duplicate": bool,
}
_OF_A_KEY: dict[str, Any] = {"lr_mult": float, "decay_mult": float}


def runner_dicts(cfg: Mapping[str, Any]) -> Iterator[Found]:
    """Check ``randomness``, ``env_cfg`` and ``auto_scale_lr``, where they are dicts."""
    randomness = cfg.get("randomness")
    if isinstance(randomness, Mapping):
        for name, message in misfits(Runner.set_randomness, randomness, ("self",)):
            yield f"randomness.{name}", message
    environment = cfg.get("env_cfg")
    if isinstance(environment, Mapping):
        yield from _entries("env_cfg", environment, _ENVIRONMENT)
        processes = environment.get("mp_cfg")
        if isinstance(processes, Mapping):
            for name, message in misfits(set_multi_processing, processes, ("distributed",)):
                yield f"env_cfg.mp_cfg.{name}", message
    scaling = cfg.get("auto_scale_lr")
    if isinstance(scaling, Mapping):
        yield from _entries("auto_scale_lr", scaling, _SCALING)
        if scaling.get("enable") and "base_batch_size" not in scaling:
            yield (
                "auto_scale_lr.base_batch_size",
                "is needed to scale the learning rate: set it to the batch size that lr is for, or "
                "enable=False",
            )


def hook_priority(key: str, hook: Mapping[str, Any]) -> Iterator[Found]:
    """Check the ``priority`` beside a hook's arguments."""
    priority = hook.get("priority", Hook.priority)
    try:
        get_priority(priority)
    except (ValueError, TypeError, KeyError):
        names = [level.name for level in Priority]
        yield (
            f"{key}.priority",
            f"must be an integer in 0 … 100 or one of {', '.join(names)}, got {shown(priority)}."
            f"{did_you_mean(str(priority), names)}",
        )


def clipping(key: str, clip_grad: Any) -> Iterator[Found]:
    """Check ``optim_wrapper.clip_grad``, the arguments of torch's function and ``type``."""
    if not isinstance(clip_grad, Mapping):
        return
    kind = clip_grad.get("type", "norm")
    if kind not in _CLIPPING:
        hint = did_you_mean(str(kind), _CLIPPING)
        yield f"{key}.type", f"must be 'norm' or 'value', got {shown(kind)}.{hint}"
        return
    given = {name: value for name, value in clip_grad.items() if name != "type"}
    found = dict(misfits(_CLIPPING[kind], given, ("parameters",)))
    for name in ("max_norm", "clip_value"):
        value = given.get(name)
        if name not in found and isinstance(value, int | float) and not value > 0:
            found[name] = f"must be a number > 0, got {shown(value)}: no gradient is left"
    yield from ((f"{key}.{name}", message) for name, message in found.items())


def paramwise(key: str, rules: Any, optimizer: Any, component: Any) -> Iterator[Found]:
    """Check the ``paramwise_cfg`` that mmengine's own constructor of optimizers reads.

    Args:
        key: its place.
        rules: the config.
        optimizer: config of the optimizer.
        component: class of the optimizer; None where it is not known.
    """
    if rules is None:
        return
    if problem := type_problem(rules, dict):
        yield key, problem
        return
    read = string_constants(
        DefaultOptimWrapperConstructor.add_params
    )  # another engine's may be new
    known = {**dict.fromkeys((name for name in rules if name in read), Any), **_PARAMWISE}
    yield from _entries(key, rules, known, strict=True)
    accepted = None if component is None else arguments_of(component).accepted
    of_group = None if accepted is None else accepted - {"params"}
    allowed = None if of_group is None else {**dict.fromkeys(of_group, Any), **_OF_A_KEY}
    given = isinstance(optimizer, Mapping)
    has_decay = not given or optimizer.get("weight_decay") is not None
    if not has_decay:
        for name in ("bias_decay_mult", "norm_decay_mult", "dwconv_decay_mult"):
            if name in rules:
                yield f"{key}.{name}", _no_decay(rules[name])
    custom = rules.get("custom_keys")
    for part, settings in custom.items() if isinstance(custom, Mapping) else ():
        place = f"{key}.custom_keys.{part}"
        if not isinstance(settings, Mapping):  # told above
            continue
        if allowed is not None:
            yield from _entries(place, settings, allowed, strict=True)
        if not has_decay and "decay_mult" in settings:
            yield f"{place}.decay_mult", _no_decay(settings["decay_mult"])


def _no_decay(value: Any) -> str:
    return (
        f"is {shown(value)}, but optimizer.weight_decay, which it multiplies, is not set: set "
        "optimizer.weight_decay"
    )


def _entries(
    key: str, given: Mapping[str, Any], known: Mapping[str, Any], *, strict: bool = False
) -> Iterator[Found]:
    """Check the entries of a dict; unless ``strict``, unknown ones only where they are misspelt."""
    for name, value in given.items():
        if name in known:
            if problem := type_problem(value, known[name]):
                yield f"{key}.{name}", problem
        elif strict or misspelt(name, known):
            yield (
                f"{key}.{name}",
                f"is no key of {key.partition('.')[2] or key} (got {shown(value)})."
                f"{did_you_mean(name, known)} It has {', '.join(sorted(known))}",
            )

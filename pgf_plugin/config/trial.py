"""Builds small components of the engine and of this package, so that they check their values.

Hooks, metrics, optimizers, their wrappers, schedulers, dataloaders and log processors read no file
when they are built, and have no size. Those of other distributions are not built here: nobody knows
what their constructors do.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler import ReduceOnPlateauParamScheduler
from mmengine.registry import PARAM_SCHEDULERS
from torch.optim import SGD, Optimizer
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from pgf_plugin.config.annotations import describe
from pgf_plugin.config.signatures import arguments_of, component_name, needed
from pgf_plugin.config.values import Build, refusal, refused_arguments
from pgf_plugin.errors import shown

KNOWN = ("mmengine", "pgf_plugin", "torch")
"""Packages whose components are known here."""

_OF_BUILDERS = ("priority", "constructor", "paramwise_cfg", "optimizer", "clip_grad")
"""Keys of a node that its builder takes out, or that are checked by themselves."""

_MISSING = re.compile(r"missing \d+ required [\w-]+ arguments?: (.*)")
_ENDLESS = 10**9
_STEPS_AN_EPOCH = 100


def trial_problems(
    registry: str,
    component: Callable[..., Any],
    key: str,
    given: Mapping[str, Any],
    end: int | None = None,
    left_out: Collection[str] = (),
) -> Iterator[tuple[str, str]]:
    """Find the values that the constructor of a small component refuses.

    Args:
        registry: Python name of the component's registry.
        component: the class.
        key: place of its config.
        given: its arguments, as the config has them.
        end: epochs of the run, where schedulers end by default.
        left_out: arguments that are not given, because they are known to be wrong.

    Yields:
        key of the argument and the message.
    """
    build = _builder(registry, component, end)
    if build is None:
        return
    given = {name: value for name, value in given.items() if name not in _OF_BUILDERS}
    needs = [name for name in arguments_of(component).required if name in given]
    # What it says without any argument is said of the machine, or of an argument that is missing.
    of_machine = None if needs else refusal(build, {})
    if of_machine and _MISSING.search(of_machine):
        of_machine = None
    for place, message in refused_arguments(build, key, given, of_machine, left_out):
        if lacking := _MISSING.search(message):  # of a base class, whose signature is passed on
            for name in re.findall(r"'(\w+)'", lacking[1]):
                yield f"{key}.{name}", needed(component, name)
        else:
            yield place, _told(component, place.removeprefix(f"{key}."), message)


def loader_problems(key: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Find the values that a dataloader refuses, apart from its data set, samplers and functions.

    Args:
        key: place of its config.
        given: arguments of torch's ``DataLoader`` that are numbers and switches, and
            ``batch_sampler`` where the config has one.

    Yields:
        key of the argument and the message.
    """
    for place, message in refused_arguments(_build_loader, key, given):
        yield place, _told(DataLoader, place.removeprefix(f"{key}."), message)


def _told(component: Callable[..., Any], argument: str, message: str) -> str:
    """A refusal with who refuses, and what the argument is, which few engines say."""
    if component_name(component) in message or "must be" in message:
        return message
    arguments = arguments_of(component)
    told = f"{component_name(component)} refuses it: {message.rstrip('. ')}"
    if argument in arguments.types:
        told += f". It is {describe(arguments.types[argument])}"
        if argument in arguments.defaults:
            told += f", by default {shown(arguments.defaults[argument])}"
    return told


def _builder(registry: str, component: Callable[..., Any], end: int | None) -> Build | None:
    """How to build a component by its arguments; None where it is not tried."""
    if (getattr(component, "__module__", None) or "").partition(".")[0] not in KNOWN:
        return None
    if registry in ("HOOKS", "METRICS", "LOG_PROCESSORS"):
        return lambda given: component(**given)
    if registry == "OPTIMIZERS":
        return lambda given: component([_parameter()], **given)
    if registry == "PARAM_SCHEDULERS":
        return lambda given: _build_scheduler(component, given, end)
    if registry == "OPTIM_WRAPPERS" and isinstance(component, type):
        return _build_wrapper if issubclass(component, OptimWrapper) else None
    return None


def _build_wrapper(given: dict[str, Any]) -> OptimWrapper:
    """Mixed precision needs a GPU, its other arguments do not."""
    plain = arguments_of(OptimWrapper).accepted or ()
    of_wrapper = {name: value for name, value in given.items() if name in plain}
    return OptimWrapper(**{**of_wrapper, "optimizer": _optimizer()})


def _build_scheduler(component: Callable[..., Any], given: dict[str, Any], end: int | None) -> Any:
    """Build a scheduler as ``Runner`` does, for an optimizer with momentum, and take one step."""
    by_epoch = given.get("by_epoch", True)
    node = {"type": component, "end": (end if by_epoch else None) or _ENDLESS, **given}
    supplied = {"optimizer": _optimizer(), "epoch_length": _STEPS_AN_EPOCH}
    scheduler = PARAM_SCHEDULERS.build(node, default_args=supplied)
    if not isinstance(scheduler, ReduceOnPlateauParamScheduler):  # waits for a metric
        scheduler.step()
    return scheduler


def _build_loader(given: dict[str, Any]) -> DataLoader:
    data: Any = [0]
    order = SequentialSampler(data)
    if "batch_sampler" in given:  # takes the batch size from the dataloader, as Runner does
        rest = {k: v for k, v in given.items() if k not in ("batch_sampler", "batch_size")}
        batches = BatchSampler(order, given.get("batch_size", 1), drop_last=False)
        return DataLoader(data, batch_sampler=batches, **rest)
    return DataLoader(data, sampler=order, **given)


def _optimizer() -> Optimizer:
    return SGD([_parameter()], lr=0.1, momentum=0.9, weight_decay=0.01)


def _parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.zeros(2, 2))

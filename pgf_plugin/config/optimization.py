"""Checks ``optim_wrapper``: the wrapper, its optimizer, and the plain dicts beside them."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from torch.optim import Optimizer

from pgf_plugin.config.engine_dicts import clipping, paramwise
from pgf_plugin.config.nodes import NodeChecker
from pgf_plugin.config.problem import Problem
from pgf_plugin.config.slots import SLOTS, Slot


def check_optimization(checker: NodeChecker, key: str, wrapper: Any) -> Iterator[Problem]:
    """Check an ``optim_wrapper``.

    Args:
        checker: of the config.
        key: place of the wrapper.
        wrapper: its config, or the built wrapper.
    """
    slot = SLOTS["optim_wrapper"]
    if not isinstance(wrapper, dict):
        yield from checker.place(key, wrapper, slot)
        return
    constructor = wrapper.get("constructor", DefaultOptimWrapperConstructor)
    builder = checker.resolve(f"{key}.constructor", constructor, Slot("OPTIM_WRAPPER_CONSTRUCTORS"))
    if builder is not DefaultOptimWrapperConstructor:
        if isinstance(builder, Problem):
            yield Problem(f"{key}.constructor", builder.message)
        yield from _parts(checker, key, wrapper)
        return
    yield from checker.node(key, wrapper, slot)
    yield from _plain(checker, key, wrapper)


def _parts(checker: NodeChecker, key: str, wrapper: Mapping[str, Any]) -> Iterator[Problem]:
    """What a foreign constructor makes of the keys it alone knows; nodes are nodes."""
    for name, part in wrapper.items():
        if isinstance(part, dict) and "type" in part:
            slot = SLOTS["optimizer" if name == "optimizer" else "optim_wrapper"]
            yield from checker.place(f"{key}.{name}", part, slot)


def _plain(checker: NodeChecker, key: str, wrapper: Mapping[str, Any]) -> Iterator[Problem]:
    """What is no node with a type: an optimizer without one, clipping, and rules by parameter."""
    optimizer = wrapper.get("optimizer")
    kind = None
    if isinstance(optimizer, Mapping) and "type" in optimizer:
        kind = checker.resolve(key, optimizer["type"], SLOTS["optimizer"])
    elif optimizer is None:
        yield Problem(f"{key}.optimizer", "is missing: add optimizer=dict(type='AdamW', lr=1e-3)")
    elif not isinstance(optimizer, Optimizer):
        yield from checker.place(f"{key}.optimizer", optimizer, SLOTS["optimizer"])
    known = None if isinstance(kind, Problem) else kind
    rules = paramwise(f"{key}.paramwise_cfg", wrapper.get("paramwise_cfg"), optimizer, known)
    for found in (*clipping(f"{key}.clip_grad", wrapper.get("clip_grad")), *rules):
        yield Problem(*found)

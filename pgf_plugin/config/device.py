"""What a config asks of the device that it trains on."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.device import (
    is_cuda_available,
    is_mlu_available,
    is_musa_available,
    is_npu_available,
)

from pgf_plugin.config.load import nodes, type_name
from pgf_plugin.config.problem import Problem

_MIXED_PRECISION = ("AmpOptimWrapper", "ApexOptimWrapper")
FULL_PRECISION = "--cfg-options optim_wrapper.type=OptimWrapper, without dtype and loss_scale"
"""How to do without mixed precision."""


def mixed_precision(cfg: Mapping[str, Any]) -> str | None:
    """Name of the engine's wrapper that trains in mixed precision; None where there is none."""
    names = map(type_name, nodes(cfg.get("optim_wrapper")))
    return next((name for name in names if name in _MIXED_PRECISION), None)


def has_accelerator() -> bool:
    """Whether there is a device of the kinds on which the engine trains in mixed precision."""
    kinds = (is_cuda_available, is_npu_available, is_mlu_available, is_musa_available)
    return any(is_available() for is_available in kinds)


def check_device(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Mixed precision, which the engine refuses on a CPU, whatever the ``dtype``."""
    name = mixed_precision(cfg)
    if name and not has_accelerator():
        yield Problem(
            "optim_wrapper",
            f"{name} needs a GPU, and torch sees none. Train in full precision: {FULL_PRECISION}",
        )

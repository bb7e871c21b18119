"""Ends a trial whose loss or weights are not finite any more: nothing good can follow."""

import math
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from pgf_plugin.model_access import unwrap


class DivergedError(RuntimeError):
    """A training diverged; the message says where, and with which learning rate."""


class DivergenceHook(Hook):
    """Looks at the loss of every iteration, and at the weights before they are validated.

    Raises:
        DivergedError: at the first one that is NaN or infinite.
    """

    # Before a checkpoint is written that could not be gone on from.
    priority = "VERY_HIGH"

    def after_train_iter(self, runner: Runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Look at the loss."""
        loss = float(torch.as_tensor((outputs or {}).get("loss", 0.0)).detach())
        if not math.isfinite(loss):
            raise DivergedError(_told(runner, runner.iter + 1, f"the loss is {_name(loss)}"))

    def before_val_epoch(self, runner: Runner) -> None:
        """Look at what the last update has made of the weights."""
        for name, parameter in unwrap(runner.model).named_parameters():
            if parameter.requires_grad and not parameter.isfinite().all():
                raise DivergedError(
                    _told(runner, runner.iter, f"{name} is not finite (NaN or inf)")
                )


def _told(runner: Runner, iteration: int, what: str) -> str:
    rates = {rate for rates in runner.optim_wrapper.get_lr().values() for rate in _flat(rates)}
    shown = ", ".join(f"{rate:g}" for rate in sorted(rates))
    return f"diverged at iteration {iteration} of {runner.max_iters}, learning rate {shown}: {what}"


def _flat(rates: Any) -> list[float]:
    return [float(rate) for rate in (rates if isinstance(rates, list) else [rates])]


def _name(loss: float) -> str:
    return "NaN" if math.isnan(loss) else "infinite"

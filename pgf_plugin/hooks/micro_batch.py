"""Batches that are computed in parts, for devices whose memory they do not fit."""

import logging
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor

from pgf_plugin.errors import ConfigError, check_positive_int
from pgf_plugin.registry import HOOKS


@HOOKS.register_module()
class MicroBatchHook(Hook):
    """Computes each training batch in micro-batches and adds up their gradients before the step.

    Each part's loss is weighted by its share of the batch, so that the gradient is that of the
    whole batch wherever the loss is a mean over utterances. Unlike a smaller ``batch_size`` with
    more ``accumulative_counts``, it leaves the batches, the number of iterations and every
    schedule as they are, also where an epoch's last batch is smaller. Dropout draws other numbers,
    and what a model computes over the utterances of a batch (batch norm, CMD) is over a part.

    Args:
        size: utterances of a micro-batch.

    Raises:
        ConfigError: before training, in distributed training or for a model with a ``train_step``
            of its own.
    """

    def __init__(self, size: int) -> None:
        self.size = check_positive_int("MicroBatchHook.size", size)

    def before_train(self, runner: Runner) -> None:
        """Let the model take its steps in parts."""
        model = runner.model
        own = getattr(type(model), "train_step", None)
        if not isinstance(model, BaseModel) or own is not BaseModel.train_step:
            raise ConfigError(
                f"MicroBatchHook cannot split the steps of {type(model).__name__}, which has a "
                "train_step of its own: give train_dataloader a smaller batch_size instead"
            )

        if "train_step" in vars(model):
            print_log(
                "MicroBatchHook takes the place of the compiled train_step: `compile` is without "
                "effect",
                "current",
                logging.WARNING,
            )

        def train_step(data: dict[str, Any], optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
            return step_in_parts(model, data, optim_wrapper, self.size)

        model.train_step = train_step

    def after_train(self, runner: Runner) -> None:
        """Give the model its own steps back."""
        vars(runner.model).pop("train_step", None)


def step_in_parts(
    model: BaseModel, data: dict[str, Any], optim_wrapper: OptimWrapper, size: int
) -> dict[str, Tensor]:
    """Do what ``model.train_step`` does, ``size`` utterances at once.

    Args:
        model: in training mode.
        data: a batch of B utterances, ``inputs`` and ``data_samples``.
        optim_wrapper: of the training.
        size: utterances of a part.

    Returns:
        losses to log, the means over the batch.
    """
    count = len(data["data_samples"])
    logs: dict[str, Tensor] = {}
    for start in range(0, count, size):
        stop = min(start + size, count)
        with optim_wrapper.optim_context(model):
            part = model.data_preprocessor(_part(data, start, stop, count), True)
            losses = model(**part, mode="loss")
        loss, log = model.parse_losses(losses)
        share = (stop - start) / count
        if stop == count:
            optim_wrapper.update_params(loss * share)
        else:
            optim_wrapper.backward(optim_wrapper.scale_loss(loss * share))
            optim_wrapper._inner_count -= 1  # counts batches, and this one is not over
        for name, value in log.items():
            logs[name] = logs.get(name, 0) + share * value.detach()
    return logs


def _part(value: Any, start: int, stop: int, count: int) -> Any:
    """Utterances ``start`` to ``stop`` of whatever has ``count`` of them."""
    if isinstance(value, dict):
        return {key: _part(item, start, stop, count) for key, item in value.items()}
    if isinstance(value, Tensor):
        return value[start:stop] if value.ndim and len(value) == count else value
    if isinstance(value, list | tuple) and len(value) == count:
        return value[start:stop]
    return value

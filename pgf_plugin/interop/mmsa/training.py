"""MMSA's way of accumulating gradients, which is not mmengine's."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor

from pgf_plugin.errors import ConfigError
from pgf_plugin.registry import HOOKS, OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class MMSAOptimWrapper(OptimWrapper):
    """Accumulates gradients as the trainers of MMSA 2.2.1 do.

    mmengine divides each batch's loss by ``accumulative_counts`` and clips once, before the step.
    MMSA sums the gradients of ``update_epochs`` batches without dividing and clips them after each
    batch. With :class:`MMSAAccumulationHook`, an epoch begins with new gradients, so that what the
    last epoch's incomplete group gathered is dropped.

    Args:
        accumulative_counts: batches of a step (``update_epochs`` in MMSA).
        clip_grad: ``dict(type='value', clip_value=…)``.
        **kwargs: of :class:`mmengine.optim.OptimWrapper`.

    Raises:
        ConfigError: for another way of clipping; clipped twice, norms are not what they were.
    """

    def __init__(self, *args: Any, clip_grad: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if clip_grad and clip_grad.get("type") != "value":
            raise ConfigError(
                f"MMSAOptimWrapper.clip_grad must be dict(type='value', clip_value=…), as in MMSA, "
                f"got {clip_grad!r}: use OptimWrapper to clip by norm"
            )
        super().__init__(*args, clip_grad=clip_grad, **kwargs)

    def start_epoch(self) -> None:
        """Begin a group of batches with new gradients."""
        self._inner_count = 0
        self.zero_grad()

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Return the loss as it is: gradients are summed."""
        return loss

    def update_params(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Add the gradients of a batch, and clip what its group has gathered so far."""
        super().update_params(loss, *args, **kwargs)
        if self.clip_grad_kwargs and not self.should_update():  # a step has clipped already
            self._clip_grad()

    def should_update(self) -> bool:
        """Whether a group is complete; the last batch of a run is no reason."""
        return self._inner_count % self._accumulative_counts == 0

    def should_sync(self) -> bool:
        """Whether the next backward completes a group (in distributed training)."""
        return (self._inner_count + 1) % self._accumulative_counts == 0


@HOOKS.register_module()
class MMSAAccumulationHook(Hook):
    """Begins every epoch with new gradients, as the trainers of MMSA 2.2.1 do.

    Raises:
        ConfigError: before training, for another optimizer wrapper than :class:`MMSAOptimWrapper`.
    """

    def before_train(self, runner: Runner) -> None:
        """Check that there is an accumulation to restart."""
        if not isinstance(runner.optim_wrapper, MMSAOptimWrapper):
            raise ConfigError(
                "MMSAAccumulationHook needs optim_wrapper.type='MMSAOptimWrapper', got "
                f"{type(runner.optim_wrapper).__name__}: set it, or take the hook out"
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Drop what an incomplete group has gathered."""
        runner.optim_wrapper.start_epoch()

"""The parameter ledger of a run, and a budget for it."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from pgf_plugin.errors import ConfigError, check_positive_int
from pgf_plugin.model_access import unwrap
from pgf_plugin.models.peft.ledger import ledger
from pgf_plugin.registry import HOOKS


@HOOKS.register_module()
class TrainableParamsHook(Hook):
    """Log the ledger before training, and stop a run that is over its budget.

    It counts before any other hook freezes a part of the model for the time being.

    Args:
        max_trainable: largest number of trainable parameters allowed; None sets no budget.

    Raises:
        ConfigError: before the first step, if the model has more trainable parameters.
    """

    priority = "VERY_HIGH"

    def __init__(self, max_trainable: int | None = None) -> None:
        if max_trainable is not None:
            check_positive_int("TrainableParamsHook.max_trainable", max_trainable)
        self.max_trainable = max_trainable

    def before_train(self, runner: Runner) -> None:
        """Log the ledger and check the budget."""
        model = unwrap(runner.model)
        counted = ledger(model)
        runner.logger.info(f"Parameters of {type(model).__name__}:\n{counted}")
        if self.max_trainable is None or counted.trainable <= self.max_trainable:
            return
        rows = sorted(counted.rows, key=lambda row: row.trainable, reverse=True)
        largest = ", ".join(f"{row.group} {row.trainable:,}" for row in rows if row.trainable)
        raise ConfigError(
            f"{type(model).__name__} has {counted.trainable:,} trainable parameters, "
            f"{counted.trainable - self.max_trainable:,} over the budget "
            f"TrainableParamsHook.max_trainable={self.max_trainable:,} (by group: {largest}): "
            "make the model smaller or raise the budget"
        )

"""Warm-up of the gates: keep the language first, arbitrate later."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from pgf_plugin.errors import ConfigError, check_positive_int
from pgf_plugin.model_access import unwrap
from pgf_plugin.models.fusions.gate import Gate
from pgf_plugin.registry import HOOKS


@HOOKS.register_module()
class GateWarmupHook(Hook):
    """Hold the arbitration at "keep the language" for the first steps, then release it.

    A gate returns ``floor + (1 - floor) * g``. The hook sets ``floor`` to 1 for ``hold_iters``
    steps, in which only the text path learns; then it falls linearly over ``release_iters`` steps
    and is 0 from step ``hold_iters + release_iters`` on. It follows from the step alone, so a
    resumed run continues where it was.

    Validation uses the floor of the moment, and a checkpoint does not record it: loaded by
    itself, a model has free gates. Let the release end before the first validation if the best
    checkpoint is to be chosen from all of them.

    Args:
        hold_iters: steps with closed arbitration.
        release_iters: steps over which it opens; 0 opens it at once.

    Raises:
        ConfigError: before training, if the model has no gate, such as :class:`PGFGate`.
    """

    def __init__(self, hold_iters: int, release_iters: int = 0) -> None:
        self.hold_iters = check_positive_int("GateWarmupHook.hold_iters", hold_iters, at_least=0)
        self.release_iters = check_positive_int(
            "GateWarmupHook.release_iters", release_iters, at_least=0
        )
        self._gates: list[Gate] = []

    def floor(self, step: int) -> float:
        """Floor of the gates in training step ``step``, counted from 0."""
        released = step - self.hold_iters + 1
        return min(1.0, max(0.0, 1 - released / (self.release_iters + 1)))

    def before_train(self, runner: Runner) -> None:
        """Find the gates and set their floor."""
        model = unwrap(runner.model)
        self._gates = [module for module in model.modules() if isinstance(module, Gate)]
        if not self._gates:
            raise ConfigError(
                f"GateWarmupHook needs a model with PGFGate modules, but {type(model).__name__} "
                "has none: take the hook out of custom_hooks, or choose a gated model such as "
                "PGFNet"
            )
        if self.floor(runner.max_iters - 1) > 0:
            runner.logger.warning(
                f"GateWarmupHook: hold_iters + release_iters = "
                f"{self.hold_iters + self.release_iters} leaves no free step in a run of "
                f"{runner.max_iters}; the gates are released after training, untrained"
            )
        self._set(self.floor(runner.iter))

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Set the floor of this step."""
        self._set(self.floor(runner.iter))

    def after_train(self, runner: Runner) -> None:
        """Release the gates."""
        self._set(0.0)

    def _set(self, floor: float) -> None:
        for gate in self._gates:
            gate.floor = floor

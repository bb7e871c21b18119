"""Gate statistics of every fused layer, in the log and the visualizer."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from pgf_plugin.errors import ConfigError, check_positive_int
from pgf_plugin.evaluation.look_sums import saturated, text_mask
from pgf_plugin.model_access import undisturbed, unwrap
from pgf_plugin.registry import HOOKS


@HOOKS.register_module()
class GateStatisticsHook(Hook):
    """Report how each layer arbitrates between language and the other modalities.

    Every ``interval`` training steps the model runs once more on the batch of the step, in eval
    mode and without gradients, and these scalars go to the message hub, from where the log, the
    visualizer and ``scalars.json`` take them (``layer_00`` is the first fused layer):

    - ``train/gate_mean/layer_00``: mean gate, 1 keeps the language and 0 replaces it;
    - ``train/gate_std/layer_00``: spread over tokens and dimensions;
    - ``train/gate_saturation/layer_00``: share of gates below 0.05 or above 0.95.

    Padding is left out. The training is not touched: random state, modes and gradients are as
    without the hook.

    Args:
        interval: training steps between two reports; one forward pass each.

    Raises:
        ConfigError: before training, if the model has no output ``gates``.
    """

    # Below the hooks that prepare a step, above LoggerHook, which writes what is reported here.
    priority = "NORMAL"

    def __init__(self, interval: int = 50) -> None:
        self.interval = check_positive_int("GateStatisticsHook.interval", interval)

    def before_train(self, runner: Runner) -> None:
        """Check that the model has gates."""
        model = unwrap(runner.model)
        available = tuple(getattr(model, "available_outputs", ()))
        if "gates" not in available:
            raise ConfigError(
                f"GateStatisticsHook needs a model with the output 'gates', but "
                f"{type(model).__name__} has {list(available)}: take the hook out of custom_hooks, "
                "or choose a gated model such as PGFNet"
            )

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Write the statistics of this step's batch."""
        if data_batch is None or not self.every_n_train_iters(runner, self.interval):
            return
        model = unwrap(runner.model)
        with undisturbed(model):
            inputs = model.data_preprocessor(data_batch, False)["inputs"]
            output = model(inputs, mode="tensor", outputs=("gates",))
        for layer, gate in enumerate(output.gates):
            for name, value in gate_statistics(gate, text_mask(inputs, output)).items():
                runner.message_hub.update_scalar(f"train/gate_{name}/layer_{layer:02d}", value)


def gate_statistics(gate: Tensor, mask: Tensor | None = None) -> dict[str, float]:
    """Mean, spread and saturation of one layer's gate.

    Args:
        gate: (B, L, D), values in [0, 1].
        mask: (B, L), non-zero where a token is real; None takes every position.

    Returns:
        ``mean``, ``std`` (of the population) and ``saturation``, the share of values within 0.05
        of an end.
    """
    values = (gate if mask is None else gate[mask.bool()]).detach().double()
    scalars = torch.stack(
        (values.mean(), values.std(correction=0), saturated(values).double().mean())
    ).tolist()  # at once: each transfer waits for the device
    return dict(zip(("mean", "std", "saturation"), scalars, strict=True))

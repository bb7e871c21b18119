"""How large a model is: its parameters, its weights in memory, and its file of weights."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from torch import Tensor, nn

from pgf_plugin.models.encoders.trained_state import TrainedStateModule
from pgf_plugin.models.peft.ledger import ledger
from pgf_plugin.weights import CHECKPOINT, Weights, write_weights


class Size(NamedTuple):
    """Size of a model.

    Attributes:
        trainable: parameters that train.
        total: all parameters.
        trainable_without_encoder: those that train outside the text encoder, LoRA not counted.
        weight_bytes: parameters and buffers in memory.
        checkpoint_bytes: the file ``best_*.pth``, without what the run logged.
    """

    trainable: int
    total: int
    trainable_without_encoder: int
    weight_bytes: int
    checkpoint_bytes: int


def measure_size(model: nn.Module) -> Size:
    """Count a model, and write its weights to a file that is removed again."""
    counted = ledger(model)
    tensors = (*model.parameters(), *model.buffers())
    return Size(
        counted.trainable,
        counted.total,
        counted.trainable_without_encoder,
        sum(tensor.nbytes for tensor in tensors),
        _checkpoint_bytes(model),
    )


def _checkpoint_bytes(model: nn.Module) -> int:
    with TemporaryDirectory(prefix="pgf-profile-") as folder:
        path = Path(folder, f"best{CHECKPOINT}")
        write_weights(Weights.of(saved_state(model), {}), path)
        return path.stat().st_size


def saved_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict as a run saves it: without the frozen weights of a pretrained encoder.

    Here they are random, and so they would be saved.
    """
    state = model.state_dict()
    for path, module in model.named_modules():
        if not isinstance(module, TrainedStateModule) or module.identity.name is None:
            continue
        own = module.own_tensors()
        parameters = dict(module.encoder.named_parameters())
        if any(parameters[name].requires_grad for name in own if name in parameters):
            continue
        for name in own:
            state.pop(f"{path}.encoder.{name}", None)
    return state

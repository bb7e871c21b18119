"""Where in a batch the modalities of a model lie."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pgf_plugin.models.wrapped_call import WrappedCall


class ModalityEntry(NamedTuple):
    """The entries of a batch that one modality is read from.

    Attributes:
        values: of its steps (B, T, D).
        mask: of its mask (B, T), True where a step is real; None where all are read as real.
    """

    values: str
    mask: str | None

    def steps(self, inputs: Mapping[str, Tensor]) -> int:
        """T, padding included."""
        return inputs[self.values].shape[1]

    def real(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, T) bool, True where the model reads a step."""
        if self.mask is None:
            values = inputs[self.values]
            return torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        return inputs[self.mask].bool()


def modality_entries(model: nn.Module) -> dict[str, ModalityEntry]:
    """Entries of each modality beside the text that ``model`` uses, by its name in the model.

    They have the names of the modalities, unless ``bank_inputs`` of ``PGFWrapper`` says otherwise.
    """
    call = getattr(model, "call", None)
    given = call.entries if isinstance(call, WrappedCall) else {}
    names = getattr(model, "feature_dims", None) or ()
    return {name: ModalityEntry(*given.get(name, (name, f"{name}_mask"))) for name in names}

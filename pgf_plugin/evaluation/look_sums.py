"""Gates and attention summed up over batches, each layer for itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgf_plugin.structures import MSAOutput

MAX_GROUPS = 32
"""Groups of neighbouring dimensions at most."""

SATURATION_MARGIN = 0.05

OUTPUTS = ("gates", "attention")
"""What is looked at, by the names of :class:`~pgf_plugin.structures.MSAOutput`."""


class GateSums:
    """Sums of gates over the real tokens of any number of batches."""

    def __init__(self) -> None:
        self._tokens = 0
        self._layers: list[Tensor] = []

    def add(self, gates: Sequence[Tensor], mask: Tensor) -> None:
        """Add a batch.

        Args:
            gates: one (B, L, D) tensor a layer.
            mask: (B, L) bool, True where a token is real.
        """
        self._tokens += int(mask.sum())
        layers = [_sums(gate[mask].double()) for gate in gates]
        before = self._layers or [torch.zeros_like(layer) for layer in layers]
        self._layers = [old + new for old, new in zip(before, layers, strict=True)]

    def summary(self) -> dict[str, list]:
        """``mean``, ``std`` (of the population) and ``saturation`` of each layer, ``groups``.

        The last has (layers, G) means over groups of neighbouring dimensions. Empty without gates.
        """
        found: dict[str, list[Any]] = {"mean": [], "std": [], "saturation": [], "groups": []}
        for total, squares, saturated in self._layers:
            by_dimension = total / self._tokens  # (D,)
            mean = by_dimension.mean()
            variance = squares.mean() / self._tokens - mean**2
            groups = by_dimension.tensor_split(min(MAX_GROUPS, len(by_dimension)))
            found["mean"].append(rounded(mean))
            found["std"].append(rounded(variance.clamp(min=0).sqrt()))
            found["saturation"].append(rounded(saturated.mean() / self._tokens))
            found["groups"].append([rounded(group.mean()) for group in groups])
        return found if self._layers else {}


class AttentionSums:
    """Attention of the real tokens by modality, over any number of batches."""

    def __init__(self) -> None:
        self._layers: list[dict[str, float]] = []

    def add(self, attention: Sequence[Tensor], mask: Tensor, lengths: Mapping[str, int]) -> None:
        """Add a batch.

        Args:
            attention: one (B, heads, L, sum of T) tensor a layer.
            mask: (B, L) bool, True where a token is real.
            lengths: modality to its padded steps T, in the order of the attention's last axis.
        """
        self._layers = self._layers or [dict.fromkeys(lengths, 0.0) for _ in attention]
        for sums, weights in zip(self._layers, attention, strict=True):
            by_key = weights.double().mean(1)[mask].sum(0)  # (sum of T,)
            for name, part in zip(lengths, by_key.split(list(lengths.values())), strict=True):
                sums[name] += float(part.sum())

    def summary(self) -> dict[str, list[float]]:
        """Modality to its share of the attention in each layer; empty without attention."""
        names = self._layers[0] if self._layers else ()
        return {
            name: [round(sums[name] / (sum(sums.values()) or 1.0), 4) for sums in self._layers]
            for name in names
        }


def text_mask(inputs: Mapping[str, Tensor], output: MSAOutput) -> Tensor:
    """(B, L) bool, True where a token is real; all positions where the layers are not the text's.

    They are not in a wrapped model of another modality, whose batches have a text all the same.
    """
    mask, shown = inputs.get("attention_mask"), (*(output.gates or ()), *(output.attention or ()))
    if mask is not None and (not shown or mask.shape[1] == shown[0].shape[-2]):
        return mask.bool()
    return shown[0].new_ones(len(shown[0]), shown[0].shape[-2], dtype=torch.bool)


def saturated(gates: Tensor) -> Tensor:
    """Where gates are within 0.05 of an end, bool of the same shape."""
    return (gates < SATURATION_MARGIN) | (gates > 1 - SATURATION_MARGIN)


def rounded(values: Tensor) -> Any:
    """Return ``values`` with four digits as JSON has them: lists as deep as axes, or a number."""
    return np.round(values.double().cpu().numpy(), 4).tolist()


def _sums(values: Tensor) -> Tensor:
    """Sum, sum of squares and number of saturated values, (3, D), of (N, D) gates."""
    counts = saturated(values).double().sum(0)
    return torch.stack((values.sum(0), torch.square(values).sum(0), counts))

"""What each modality contributes to each group of dimensions in each layer."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pgf_plugin.evaluation.look_sums import AttentionSums, GateSums

GROUPS = 8
"""Groups of neighbouring dimensions."""


class Contributions:
    """Attention on the steps of a modality times ``1 - gate``, over any number of batches.

    Attributes:
        gates: statistics of the gates alone, with groups of their own.
        attention: shares of the modalities in the attention.
    """

    def __init__(self) -> None:
        self.gates, self.attention = GateSums(), AttentionSums()
        self._tokens = 0
        self._sums: list[dict[str, Tensor]] = []

    def add(
        self,
        gates: Sequence[Tensor],
        attention: Sequence[Tensor],
        mask: Tensor,
        lengths: Mapping[str, int],
    ) -> None:
        """Add a batch; the arguments are those of the sums of gates and of attention."""
        self.gates.add(gates, mask)
        self.attention.add(attention, mask, lengths)
        if not gates or not attention:
            return
        self._tokens += int(mask.sum())
        self._sums = self._sums or [{} for _ in gates]
        for sums, gate, weights in zip(self._sums, gates, attention, strict=True):
            opened = torch.stack([g.mean(1) for g in (1 - gate[mask]).tensor_split(GROUPS, 1)], 1)
            parts = weights.mean(1)[mask].split(list(lengths.values()), dim=1)
            for name, part in zip(lengths, parts, strict=True):
                total = (part.sum(1, keepdim=True) * opened).double().sum(0)  # (groups,)
                sums[name] = sums.get(name, 0) + total

    def summary(self) -> dict[str, list[list[float]]]:
        """Modality to (layers, groups) means over the tokens; empty without gates or attention."""
        names = self._sums[0] if self._sums else ()
        return {
            name: [(sums[name] / self._tokens).tolist() for sums in self._sums] for name in names
        }

"""The data structures that pass between datasets, models, metrics and hooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from mmengine.structures import BaseDataElement
from torch import Tensor
from transformers.utils import ModelOutput

MODALITIES = ("text", "audio", "vision")
"""Names of the modalities, in the order in which they are listed and concatenated."""

POOLINGS = ("cls", "mean")
"""Ways of :meth:`MaskedSequence.pool`."""


class MSADataSample(BaseDataElement):
    """One utterance beside its features: what a loss, a metric or a report needs.

    Attributes:
        sample_id (str): identifier, unique in its dataset.
        raw_text (str): the transcript, empty where the data have none.
        label (Tensor): (n_out,) float32, absent for unlabelled input.
        prediction (Tensor): (n_out,) float32, set by ``mode='predict'``.
    """

    @classmethod
    def make_batch(cls, **fields: Sequence[Any] | Tensor) -> list["MSADataSample"]:
        """Make one sample for each value of ``fields``, which have the same length.

        What mmengine does to hold fields of these names is done once and copied, which costs a
        tenth.
        """
        known = _field_sets(tuple(fields))
        samples = []
        for row in zip(*fields.values(), strict=True):
            sample = cls.__new__(cls)
            own = sample.__dict__
            own.update(zip(fields, row, strict=True))
            for name, value in known:
                own[name] = value.copy()
            samples.append(sample)
        return samples


@lru_cache(maxsize=8)
def _field_sets(fields: tuple[str, ...]) -> list[tuple[str, set[str]]]:
    """The sets in which a sample keeps the names of its fields; each sample needs its own."""
    sample = MSADataSample(**dict.fromkeys(fields))
    return [(name, value) for name, value in vars(sample).items() if isinstance(value, set)]


class MaskedSequence(NamedTuple):
    """Sequences of one modality.

    Attributes:
        values: (B, T, D) features.
        mask: (B, T) bool, True where the step is real and not padding.
    """

    values: Tensor
    mask: Tensor

    def unmasked(self) -> "MaskedSequence":
        """The same values with padding taken for real steps, as some references do."""
        return MaskedSequence(self.values, torch.ones_like(self.mask))

    def pool(self, how: str) -> Tensor:
        """Reduce to (B, D).

        Args:
            how: ``'cls'`` for the first step, ``'mean'`` for the mean over the real steps; zero
                for a sample that has none.
        """
        if how == "cls":
            return self.values[:, 0].masked_fill(~self.mask.any(dim=1, keepdim=True), 0.0)
        lengths = self.mask.sum(1)
        if self._bag_serves():
            real = self.mask.flatten().nonzero().squeeze(1)
            starts = lengths.cumsum(0) - lengths
            return F.embedding_bag(real, self.values.flatten(0, 1), starts, mode="mean")
        total = self.values.masked_fill(~self.mask.unsqueeze(-1), 0.0).sum(1)  # (B, D)
        return total / lengths.unsqueeze(1).clamp(min=1)

    def _bag_serves(self) -> bool:
        """Whether the mean can read the real steps alone, where a sum writes all steps anew.

        To find them is to wait for a GPU, and to break what is compiled; and gradients through
        a bag have none themselves.
        """
        differentiated = torch.is_grad_enabled() and self.values.requires_grad
        on_cpu = self.values.device.type == "cpu"
        return on_cpu and not differentiated and not torch.compiler.is_compiling()


@dataclass
class MSAOutput(ModelOutput):
    """What every model returns in ``mode='tensor'``; fields not asked for are absent.

    Attributes:
        prediction: (B, n_out) scores.
        gates: one (B, L, D) tensor a fused layer, values in [0, 1]; 1 keeps the language.
        attention: one (B, heads, L, T_a + T_v) tensor a fused layer; rows of a sample without a
            valid key are zero.
        modality_features: name to (B, D) representation, as the model defines it.
        experts: one (B, L, E) tensor a layer whose adapter is a mixture: what its router weighs
            each expert by.
    """

    prediction: Tensor | None = None
    gates: tuple[Tensor, ...] | None = None
    attention: tuple[Tensor, ...] | None = None
    modality_features: dict[str, Tensor] | None = None
    experts: tuple[Tensor, ...] | None = None


def stack_labels(data_samples: list[MSADataSample]) -> Tensor:
    """Stack the labels of a batch, (B, n_out) float32.

    Raises:
        ValueError: if a sample has no label, naming it.
    """
    missing = [sample.get("sample_id") for sample in data_samples if "label" not in sample]
    if missing:
        raise ValueError(
            f"data_samples: {len(missing)} of {len(data_samples)} samples have no label "
            f"(first: {missing[0]!r}); mode='loss' and metrics need labelled data"
        )
    return torch.stack([sample.label for sample in data_samples])

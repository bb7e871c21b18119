"""Self-MM's memory of the training set: labels of single modalities, made while training."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_positive

FUSION = "fusion"
_EPSILON = 1e-8


class UnimodalLabelBank(nn.Module):
    """Labels, features and number of visits of every training sample, one row a sample.

    Paper: Learning Modality-Specific Representations with Self-Supervised Multi-Task Learning for
    Multimodal Sentiment Analysis, Yu et al. 2021, arXiv 2102.04830, section 3.3. A sample begins
    with its own label for every modality. From its second visit on, a modality's label moves by
    how much nearer its feature is to the centre of the positive than of the negative samples,
    compared with the fused feature (equations 7 to 12).

    Rows are added as samples come, and the bank is part of the state dict, so that a resumed run
    goes on with the labels that it had. The paper's epoch number is a sample's number of visits.

    Args:
        widths: width of the feature of ``'fusion'`` and of each modality.
        bound: H, the largest absolute label.
    """

    labels: Tensor
    visits: Tensor

    def __init__(self, widths: Mapping[str, int], bound: float) -> None:
        super().__init__()
        self.names = tuple(widths)
        self.bound = check_positive("label_bound", bound)
        self.rows: dict[str, int] = {}
        self.register_buffer("labels", torch.zeros(0, len(self.names)))
        self.register_buffer("visits", torch.zeros(0, dtype=torch.long))
        for name, width in widths.items():
            self.register_buffer(f"features_{name}", torch.zeros(0, width))

    def find(self, sample_ids: Sequence[str], label: Tensor) -> Tensor:
        """Return the rows of samples, (B,).

        Those that are new are added with their own label, (B,), and those that have another one
        than they had begin anew: they are of other data with the same identifiers.
        """
        fresh = [key for key in dict.fromkeys(sample_ids) if key not in self.rows]
        self.rows.update({key: len(self.rows) + place for place, key in enumerate(fresh)})
        rows = torch.tensor([self.rows[key] for key in sample_ids], device=self.labels.device)
        if fresh:
            self._resize(len(self.rows))
        label = label.to(self.labels)
        new = (self.visits[rows] == 0) | (self.labels_of(FUSION, rows) != label)
        # No mask as an index, for which the host would wait.
        self.labels[rows] = torch.where(new.unsqueeze(1), label.unsqueeze(1), self.labels[rows])
        self.visits[rows] = self.visits[rows].masked_fill(new, 0)
        return rows

    def labels_of(self, name: str, rows: Tensor) -> Tensor:
        """Labels of one modality, (B,)."""
        return self.labels[rows, self.names.index(name)]

    def weights_of(self, name: str, rows: Tensor) -> Tensor:
        """Weight of each sample in a modality's loss: how far its label has moved, (B,)."""
        moved = self.labels_of(name, rows) - self.labels_of(FUSION, rows)
        return moved.abs().tanh()

    @torch.no_grad()
    def visit(self, rows: Tensor, features: Mapping[str, Tensor]) -> None:
        """Move the labels of samples that have been here before, and keep the features (B, D)."""
        self.visits[rows] += 1
        self._move(rows[self.visits[rows] > 1], rows, features)
        for name, values in features.items():
            kept = self._features(name)
            kept[rows] = values.detach().to(kept.dtype)

    def _move(self, again: Tensor, rows: Tensor, features: Mapping[str, Tensor]) -> None:
        known = torch.isin(rows, again)
        nearer = {name: self._nearer_to_positive(name, features[name][known]) for name in features}
        if not len(again) or any(value is None for value in nearer.values()):
            return
        label, fused = self.labels_of(FUSION, again), nearer[FUSION]
        visits = self.visits[again].float()
        for place, name in enumerate(self.names):
            if name == FUSION:
                continue
            ratio = nearer[name] / (fused + _EPSILON)
            made = 0.5 * ratio * label + 0.5 * (label + nearer[name] - fused)
            made = made.clamp(-self.bound, self.bound)
            old = self.labels[again, place]
            moved = (visits - 1) / (visits + 1) * old + 2 / (visits + 1) * made
            self.labels[again, place] = moved.to(self.labels.dtype)  # that of a model that was cast

    def _nearer_to_positive(self, name: str, feature: Tensor) -> Any:
        """Relative distance to the negative centre beyond the positive's, (B,)."""
        labels, features = self.labels[:, self.names.index(name)], self._features(name)
        if not (labels > 0).any() or not (labels < 0).any():
            return None
        feature = feature.detach().float()
        positive, negative = (
            torch.linalg.vector_norm(feature - features[side].mean(dim=0), dim=-1)
            for side in (labels > 0, labels < 0)
        )
        return (negative - positive) / (positive + _EPSILON)

    def _features(self, name: str) -> Tensor:
        return getattr(self, f"features_{name}")

    def _resize(self, count: int) -> None:
        for name, buffer in list(self.named_buffers()):
            if len(buffer) != count:
                grown = buffer.new_zeros(count, *buffer.shape[1:])
                grown[: len(buffer)] = buffer[:count]
                setattr(self, name, grown)

    def get_extra_state(self) -> Tensor:
        """Identifiers of the rows, as JSON in bytes: what safetensors can carry, too."""
        return torch.frombuffer(bytearray(json.dumps(list(self.rows)), "utf-8"), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Read what :meth:`get_extra_state` returned."""
        keys = json.loads(bytes(state.cpu().tolist()))
        self.rows = {str(key): row for row, key in enumerate(keys)}

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        saved = state_dict.get(f"{prefix}visits")
        if saved is not None:
            self._resize(len(saved))
        super()._load_from_state_dict(state_dict, prefix, *args)

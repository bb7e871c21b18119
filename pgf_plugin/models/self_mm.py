"""Self-MM: one task for each modality beside the fused one, with labels made while training."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_fraction, check_positive_int
from pgf_plugin.models.base import Fused, MSAModel
from pgf_plugin.models.build import ComponentConfig, build_module, one_each, typed
from pgf_plugin.models.by_modality import by_modality
from pgf_plugin.models.encoders.subnets import LSTMSubNet
from pgf_plugin.models.label_bank import FUSION, UnimodalLabelBank
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence, MSADataSample, stack_labels

_LSTM = {"audio": 16, "vision": 32}
_TASK = {"fusion": 128, "text": 32, "audio": 16, "vision": 32}
_DROPOUT = {"fusion": 0.0, "text": 0.1, "audio": 0.1, "vision": 0.0}


@MODELS.register_module()
class SelfMM(MSAModel):
    """A fused score, and in training one score a modality whose labels the model makes itself.

    Paper: Learning Modality-Specific Representations with Self-Supervised Multi-Task Learning for
    Multimodal Sentiment Analysis, Yu et al. 2021, arXiv 2102.04830. The text is its first token,
    audio and vision are the last states of LSTMs; their concatenation gives the score. The labels
    of single modalities live in a bank that training fills, see
    :class:`~pgf_plugin.models.label_bank.UnimodalLabelBank`, and that checkpoints hold.

    The defaults are MMSA's for MOSI. In distributed training each process has a bank of its own.
    The bank grows, so that ``EMAHook`` cannot average the model.

    Args:
        encoder: any text encoder.
        feature_dims: width of each non-text modality that is used.
        lstm_features: width of each LSTM.
        task_features: width of the hidden layers of ``'fusion'`` and of each modality's task.
        dropout: rate before them.
        label_bound: largest absolute label of a modality (H).
        sequence_features: width of what is made of each LSTM's last state; ``lstm_features`` where
            it is None.
        head: see :class:`SelfMMHead`; the tasks of single modalities have heads alike.
        loss: see :class:`~pgf_plugin.models.base.MSAModel`.
        data_preprocessor: see :class:`~pgf_plugin.models.base.MSAModel`.

    Raises:
        ValueError: for a setting that is not allowed; in training, for samples without
            ``sample_id``.
    """

    available_outputs = ("modality_features",)
    can_be_averaged = False

    def __init__(
        self,
        encoder: ComponentConfig,
        feature_dims: Mapping[str, int] | None = None,
        lstm_features: int | Mapping[str, int] = _LSTM,
        task_features: int | Mapping[str, int] = _TASK,
        dropout: float | Mapping[str, float] = _DROPOUT,
        label_bound: float = 3.0,
        sequence_features: int | Mapping[str, int] | None = None,
        head: ComponentConfig | None = None,
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
    ) -> None:
        super().__init__(feature_dims, loss, data_preprocessor)
        tasks = (FUSION, "text", *self.feature_dims)
        widths = by_modality("lstm_features", lstm_features, self.feature_dims, check_positive_int)
        given = widths if sequence_features is None else sequence_features
        out = by_modality("sequence_features", given, self.feature_dims, check_positive_int)
        hidden = by_modality("task_features", task_features, tasks, check_positive_int)
        rates = by_modality("dropout", dropout, tasks, check_fraction)
        self.bank = UnimodalLabelBank(hidden, label_bound)
        self.sequence_encoders = nn.ModuleDict(
            {
                name: LSTMSubNet(dim, widths[name], out[name])
                for name, dim in self.feature_dims.items()
            }
        )
        # Last: every setting has been checked by now, and an encoder may take long to load.
        self.encoder = build_module(encoder)
        sizes: dict[str, Any] = {"text": self.encoder.hidden_size, **out}
        sizes[FUSION] = sum(sizes.values())
        self.representations = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Dropout(rates[name]), nn.Linear(sizes[name], hidden[name]), nn.ReLU()
                )
                for name in tasks
            }
        )
        kind = one_each("model.head", typed(head, "SelfMMHead"), len(tasks))
        self.head = build_module(kind, in_features=hidden[FUSION])
        self.unimodal_heads = nn.ModuleDict(
            {name: build_module(kind, in_features=hidden[name]) for name in tasks[1:]}
        )

    def extract(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """One vector a modality, (B, D_name) by name."""
        vectors = {"text": self.encoder(inputs).pool("cls")}
        for name, encoder in self.sequence_encoders.items():
            vectors[name] = encoder(MaskedSequence(inputs[name], inputs[f"{name}_mask"]))
        return vectors

    def fuse(
        self, inputs: dict[str, Tensor], features: dict[str, Tensor], outputs: Collection[str]
    ) -> Fused:
        """The representation of every task, that of the fusion for the head, (B, D)."""
        joined = torch.cat(list(features.values()), dim=-1)
        represented = {
            name: self.representations[name](value)
            for name, value in {FUSION: joined, **features}.items()
        }
        named = {name: represented[name] for name in features}
        return Fused(represented[FUSION], {"tasks": represented, "modality_features": named})

    def losses(
        self, prediction: Tensor, fused: Fused, data_samples: list[MSADataSample]
    ) -> dict[str, Tensor]:
        """The fused task's loss and, while training, that of each modality by its own labels."""
        found = super().losses(prediction, fused, data_samples)
        if not self.training:
            return found
        represented = fused.intermediates["tasks"]
        rows = self.bank.find(_ids(data_samples), stack_labels(data_samples).squeeze(1))
        for name, head in self.unimodal_heads.items():
            error = head(represented[name]).squeeze(1).float() - self.bank.labels_of(name, rows)
            found[f"loss_{name}"] = (self.bank.weights_of(name, rows) * error.abs()).mean()
        self.bank.visit(rows, represented)
        return found


@MODELS.register_module()
class SelfMMHead(nn.Module):
    """A hidden layer and a linear layer, (B, D) -> (B, 1).

    Args:
        in_features: width D of a task's representation.
    """

    parameter_group = "head"
    supplied = ("in_features",)

    def __init__(self, in_features: int) -> None:
        super().__init__()
        check_positive_int("in_features", in_features)
        self.layers = nn.Sequential(
            nn.Linear(in_features, in_features), nn.ReLU(), nn.Linear(in_features, 1)
        )

    def forward(self, represented: Tensor) -> Tensor:
        """(B, D) -> (B, 1)."""
        return self.layers(represented)


def _ids(data_samples: list[MSADataSample]) -> list[str]:
    missing = [place for place, sample in enumerate(data_samples) if "sample_id" not in sample]
    if missing:
        raise ValueError(
            f"data_samples: {len(missing)} of {len(data_samples)} samples have no sample_id, by "
            "which SelfMM keeps the labels of each modality: let the dataset give one"
        )
    return [str(sample.sample_id) for sample in data_samples]

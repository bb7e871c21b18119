"""Models that an installed MMSA computes, in the shape of the models here."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf_plugin.errors import check_positive_int
from pgf_plugin.models.base import Fused, MSAModel
from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.models.by_modality import by_modality
from pgf_plugin.models.encoders.sequence import zero_padding
from pgf_plugin.models.encoders.subnets import BatchNorm
from pgf_plugin.models.mmsa_settings import OUTPUT_LAYERS, build_network, check_name, read_settings
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MODALITIES, MaskedSequence

_FEATURES = {"text": "Feature_t", "audio": "Feature_a", "vision": "Feature_v"}


@MODELS.register_module()
class MMSAModel(MSAModel):
    """One of MMSA's own modules that is trained by the task loss alone; needs the extra ``mmsa``.

    - ``'ef_lstm'``: an LSTM over all modalities side by side. Paper: Recognizing Emotions in Video
      Using Multimodal DNN Feature Fusion, Williams et al. 2018 (W18-3302).
    - ``'lf_dnn'``: a network for each modality, joined. The same paper.
    - ``'mfn'``: Memory Fusion Network, Zadeh et al. 2018, arXiv 1802.00927.
    - ``'graph_mfn'``: the same with a dynamic fusion graph, Zadeh et al. 2018 (P18-1208).

    Computes as MMSA 2.2.1 does: audio and vision have fixed lengths, whose padding is read as zero
    steps; where MMSA's settings of the model say so, the average over all of them takes their
    place, or they are brought to the length of the text. What lies beyond those lengths is cut, so
    that a prediction does not depend on how far a batch is padded.

    It differs from MMSA where MMSA's module stops: on a batch of one, batch normalization takes
    its running statistics; under autocast, all is in float32. And the networks at the nodes of
    Graph-MFN's graph, which MMSA neither trains nor saves, are in the checkpoint here.

    Args:
        name: MMSA's name of the model.
        encoder: any text encoder; MMSA's models take its states, those of the reference are
            BERT's, from the feature file (``PrecomputedTextEncoder``).
        feature_dims: widths of audio and vision, which these models both need.
        dataset: whose settings in MMSA's ``config_regression.json``, such as ``'mosi'``.
        settings: other values for some of them, such as ``dict(hidden_dims=[128, 16, 128])``.
        seq_lens: steps of each modality; MMSA's for ``dataset`` where it is None.
        out_features: number of scores, n_out.
        train_graph: whether the networks in Graph-MFN's graph train, as in the paper.
        loss: see :class:`~pgf_plugin.models.base.MSAModel`.
        data_preprocessor: see :class:`~pgf_plugin.models.base.MSAModel`.

    Raises:
        MissingExtraError: where MMSA is not installed.
        ValueError: for a model that MMSA trains by more than the task loss, or that has a type of
            its own here; for a setting that is not allowed; without audio or vision.
    """

    def __init__(
        self,
        name: str,
        encoder: ComponentConfig,
        feature_dims: Mapping[str, int] | None = None,
        dataset: str = "mosi",
        settings: Mapping[str, Any] | None = None,
        seq_lens: int | Mapping[str, int] | None = None,
        out_features: int = 1,
        train_graph: bool = False,
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
    ) -> None:
        check_name(name)
        super().__init__(feature_dims, loss, data_preprocessor)
        self._check_modalities(name)
        if train_graph and name != "graph_mfn":
            raise ValueError(f"train_graph is for name='graph_mfn', got True for {name!r}")
        check_positive_int("out_features", out_features)
        found = read_settings(name, dataset, settings or {})
        lengths = found["seq_lens"] if seq_lens is None else seq_lens
        self.seq_lens = by_modality("seq_lens", lengths, MODALITIES, check_positive_int)
        self.averaged: bool = found["need_normalized"]
        # Last: every setting has been checked by now, and an encoder may take long to load.
        self.encoder = build_module(encoder)
        widths: list[Any] = [self.encoder.hidden_size, *self.feature_dims.values()]
        self.network = build_network(found, widths, self._fed_lengths(), out_features)
        self._adopt(name, train_graph)
        self.head = nn.Identity()
        self.available_outputs = ("modality_features",) if name == "lf_dnn" else ()

    def _check_modalities(self, name: str) -> None:
        if missing := [key for key in MODALITIES[1:] if key not in self.feature_dims]:
            raise ValueError(
                f"feature_dims must name audio and vision: MMSA's {name!r} is built for all three "
                f"modalities, got {self.feature_dims!r} without {' and '.join(missing)}. MulT, "
                "MISA, TFN, LMF and PGFNet take any subset"
            )

    def _fed_lengths(self) -> list[int]:
        """Steps of each modality that the network is fed, text first."""
        return [1 if self._is_averaged(key) else self.seq_lens[key] for key in MODALITIES]

    def _is_averaged(self, modality: str) -> bool:
        return self.averaged and modality != "text"

    def _adopt(self, name: str, train_graph: bool) -> None:
        """Give MMSA's module what it lacks to be trained, copied, saved and counted as others."""
        model = self.network.Model
        for parent in list(self.network.modules()):
            for key, child in list(parent.named_children()):
                if type(child) is nn.BatchNorm1d:
                    setattr(parent, key, BatchNorm(child.num_features))
        for key in OUTPUT_LAYERS[name]:
            vars(model.get_submodule(key))["parameter_group"] = "head"
        if name == "graph_mfn":
            nodes = model.graph_mfn.networks  # a dict, whose modules torch does not see
            self.graph_networks = nn.ModuleDict(
                {"_".join(MODALITIES[i] for i in key): node for key, node in nodes.items()}
            )
            self.graph_networks.requires_grad_(train_graph)

    def extract(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sequences of fixed lengths, or their averages, (B, T_name, D_name) by name."""
        sequences = {"text": self.encoder(inputs)}
        for key in self.feature_dims:
            sequences[key] = MaskedSequence(inputs[key], inputs[f"{key}_mask"])
        features = {}
        for key, sequence in sequences.items():
            fixed = _to_length(zero_padding(sequence), self.seq_lens[key])
            features[key] = fixed.mean(dim=1, keepdim=True) if self._is_averaged(key) else fixed
        return features

    def fuse(
        self, inputs: dict[str, Tensor], features: dict[str, Tensor], outputs: Collection[str]
    ) -> Fused:
        """Run MMSA's module, (B, n_out)."""
        text = features["text"]
        # Graph-MFN turns a part of it into numpy arrays, which have no bfloat16.
        with torch.autocast(text.device.type, enabled=False):
            found = self.network(*(features[key].float() for key in MODALITIES))
        self._forget()
        scores = found["M"].reshape(len(text), -1)  # EF-LSTM drops the dimension of a batch of one
        named = {key: found.get(feature) for key, feature in _FEATURES.items()}
        return Fused(scores, {"modality_features": named})

    def _forget(self) -> None:
        """Drop the states that MFN keeps of its last batch: with their graph, they block a copy."""
        model = self.network.Model
        for key in [key for key, value in vars(model).items() if isinstance(value, Tensor)]:
            delattr(model, key)


def _to_length(values: Tensor, length: int) -> Tensor:
    """Cut or pad with zeros, (B, T, D) -> (B, length, D)."""
    values = values[:, :length]
    return F.pad(values, (0, 0, 0, length - values.shape[1]))

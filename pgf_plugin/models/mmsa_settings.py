"""Which of MMSA's models can be built, and with which of its settings."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import torch

from pgf_plugin.errors import check_one_of, require_extra
from pgf_plugin.structures import MODALITIES

OUTPUT_LAYERS = {
    "ef_lstm": ("linear", "out"),
    "lf_dnn": ("post_fusion_layer_1", "post_fusion_layer_2", "post_fusion_layer_3"),
    "mfn": ("out_fc1", "out_fc2"),
    "graph_mfn": ("out_fc1", "out_fc2"),
}
"""MMSA's names of the models that its task loss alone trains, to the layers of their output."""

_TYPES = {
    "bert_mag": "MAGBert",
    "lmf": "LMF",
    "misa": "MISA",
    "mult": "MulT",
    "self_mm": "SelfMM",
    "tfn": "TFN",
}
"""MMSA's names of the models that are written here, to their types."""

_OBJECTIVES = {
    "mctn": "the losses of translating one modality into another and back, which its forward pass "
    "computes from the labels",
    "mfm": "losses of generating every modality again and of the distribution of its latent "
    "variables",
    "mlf_dnn": "a loss for each modality, over labels of single modalities (CH-SIMS alone has "
    "them)",
    "mlmf": "a loss for each modality, over labels of single modalities (CH-SIMS alone has them)",
    "mmim": "bounds of mutual information, trained in turns by an optimizer of their own, over a "
    "memory of earlier batches",
    "mtfn": "a loss for each modality, over labels of single modalities (CH-SIMS alone has them)",
    "tfr_net": "a loss of generating features that its loader has removed",
}
"""MMSA's names of its other models, to what they are trained by beside the task loss."""

_OF_TRAINING = {
    "batch_size": "train_dataloader.batch_size",
    "early_stop": "the patience of EarlyStoppingHook",
    "learning_rate": "optim_wrapper.optimizer.lr",
    "weight_decay": "optim_wrapper.optimizer.weight_decay",
}


def check_name(name: str) -> None:
    """Refuse what cannot be built, with the reason.

    Raises:
        ValueError: for a name that MMSA does not have, or of another model.
    """
    if name in _TYPES:
        raise ValueError(
            f"name is {name!r}, which has a type of its own here, with MMSA's semantics as an "
            f"option: use type={_TYPES[name]!r}"
        )
    if name in _OBJECTIVES:
        raise ValueError(
            f"name is {name!r}, which MMSA trains not by the task loss alone, but also by "
            f"{_OBJECTIVES[name]}: MMSAModel has no such objective, and takes "
            f"{', '.join(map(repr, OUTPUT_LAYERS))}"
        )
    check_one_of("name", name, OUTPUT_LAYERS)


def read_settings(name: str, dataset: str, changed: Mapping[str, Any]) -> dict[str, Any]:
    """MMSA's own settings of a model, some of them changed.

    Args:
        name: MMSA's name of the model.
        dataset: MMSA's name of the data set.
        changed: setting to its other value.

    Returns:
        what MMSA's module reads; ``seq_lens`` by modality.

    Raises:
        MissingExtraError: where MMSA is not installed.
        ValueError: for a data set or a setting that MMSA does not have for the model, or one that
            is no part of the module.
    """
    require_extra("MMSA", "mmsa")
    text = files("MMSA").joinpath("config", "config_regression.json").read_text(encoding="utf-8")
    config = json.loads(text)
    common, by_dataset = config[name]["commonParams"], config[name]["datasetParams"]
    own = by_dataset[check_one_of("dataset", dataset, by_dataset)]
    for key in changed:
        if key in _OF_TRAINING:
            raise ValueError(f"settings.{key} is no part of the model: set {_OF_TRAINING[key]}")
        check_one_of("a key of settings", key, [key for key in own if key not in _OF_TRAINING])
    kinds = config["datasetCommonParams"][dataset]
    kind = "aligned" if common["need_data_aligned"] and "aligned" in kinds else "unaligned"
    lengths = dict(zip(MODALITIES, kinds[kind]["seq_lens"], strict=True))
    return {**common, **own, **changed, "model_name": name, "seq_lens": lengths}


def build_network(
    settings: Mapping[str, Any], widths: Sequence[int], lengths: Sequence[int], out_features: int
) -> Any:
    """Build MMSA's module.

    Args:
        settings: as :func:`read_settings` gives them.
        widths: features a step of text, audio and vision.
        lengths: steps of each.
        out_features: number of scores.

    Raises:
        ValueError: for settings that MMSA cannot build.
    """
    amio = require_extra("MMSA.models.AMIO", "mmsa").AMIO
    arguments = {
        **settings,
        "feature_dims": list(widths),
        "seq_lens": list(lengths),
        "num_classes": out_features,
        "train_mode": "regression" if out_features == 1 else "classification",
        "device": torch.empty(0).device,  # the meta device, where nothing is to be allocated
    }
    try:
        return amio(require_extra("easydict", "mmsa").EasyDict(arguments))
    except Exception as error:  # what MMSA raises depends on which layer a value does not fit
        raise ValueError(
            f"settings: MMSA cannot build {settings['model_name']!r} with {dict(settings)!r}: "
            f"{error}"
        ) from error

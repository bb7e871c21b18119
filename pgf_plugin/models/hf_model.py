"""Any Hugging Face model as a component that a config names, for a model that wraps it."""

from typing import Any

import transformers
from transformers import PreTrainedModel

from pgf_plugin.errors import check_one_of, check_positive_int
from pgf_plugin.models.encoders.hf_build import build_hf
from pgf_plugin.registry import MODELS

_AUTO_CLASSES = [name for name in dir(transformers) if name.startswith("AutoModel")]


@MODELS.register_module()
def HFModel(  # noqa: N802 - the name that a config has for the class it builds
    auto_class: str = "AutoModel",
    pretrained: str | None = None,
    architecture: dict[str, Any] | None = None,
    num_labels: int | None = None,
) -> PreTrainedModel:
    """Build a stock Hugging Face model with its head, for ``PGFWrapper(model=…)``.

    Hugging Face's constructors take a config object, which a config file cannot hold; this takes
    what a config file can, and reads no weight where parameters are only counted. Nothing is
    frozen here, and a checkpoint holds the whole model, also where the wrapper freezes it.

    Args:
        auto_class: transformers' class that builds it, such as
            ``'AutoModelForSequenceClassification'`` or ``'AutoModelForImageClassification'``.
        pretrained: a folder, ``'package:MODULE/FOLDER'`` or a hub id; None builds
            ``architecture`` with random weights.
        architecture: ``dict(model_type='bert', …)`` with arguments of the family's Hugging Face
            config. With ``pretrained`` it serves where weights are not read.
        num_labels: scores a sample, for a model with a head; None for what its config says. A head
            that is not in the file starts at random, and is to be trained.

    Raises:
        ValueError: for an unknown class, or weights that lack a part of the pretrained model.
        FileNotFoundError, MissingExtraError: if there is no such model.
    """
    check_one_of("auto_class", auto_class, _AUTO_CLASSES)
    settings = {}
    if num_labels is not None:
        settings["num_labels"] = check_positive_int("num_labels", num_labels)
    return build_hf(getattr(transformers, auto_class), pretrained, architecture, **settings)

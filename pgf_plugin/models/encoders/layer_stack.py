"""Where each family of Hugging Face encoders keeps its layers and attention projections."""

from typing import NamedTuple

from torch import nn
from transformers import PreTrainedModel


class LayerStack(NamedTuple):
    """Names inside an encoder.

    Attributes:
        path: dotted name of the list of layers.
        projections: role ('query', 'key', 'value', 'output') to dotted name inside a layer.
    """

    path: str
    projections: dict[str, str]

    def layers(self, encoder: nn.Module) -> nn.ModuleList:
        """Return the layers of ``encoder``, first to last."""
        return encoder.get_submodule(self.path)  # type: ignore[return-value]

    def embeddings(self, encoder: nn.Module) -> nn.Module:
        """Return the module whose output goes to the first layer."""
        # ELECTRA widens embeddings that are narrower than its layers.
        return getattr(encoder, "embeddings_project", None) or encoder.get_submodule("embeddings")


_BERT = LayerStack(
    "encoder.layer",
    {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "output": "attention.output.dense",
    },
)

FAMILIES: dict[str, LayerStack] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "electra"), _BERT),
    "mpnet": LayerStack(
        "encoder.layer",
        {
            "query": "attention.attn.q",
            "key": "attention.attn.k",
            "value": "attention.attn.v",
            "output": "attention.attn.o",
        },
    ),
    "distilbert": LayerStack(
        "transformer.layer",
        {
            "query": "attention.q_lin",
            "key": "attention.k_lin",
            "value": "attention.v_lin",
            "output": "attention.out_lin",
        },
    ),
    "deberta-v2": LayerStack(
        "encoder.layer",
        {
            "query": "attention.self.query_proj",
            "key": "attention.self.key_proj",
            "value": "attention.self.value_proj",
            "output": "attention.output.dense",
        },
    ),
}
"""By ``config.model_type``."""

ROLES = tuple(_BERT.projections)


def find_layer_stack(encoder: PreTrainedModel) -> LayerStack:
    """Return the names for ``encoder``.

    Raises:
        ValueError: for a family that is not in :data:`FAMILIES`, naming what is.
    """
    model_type = encoder.config.model_type
    if model_type not in FAMILIES:
        raise ValueError(
            f"encoder of type {model_type!r} has no known layer stack: supported are "
            f"{', '.join(sorted(FAMILIES))}. Choose another encoder, or add the family to "
            "pgf_plugin.models.encoders.layer_stack.FAMILIES"
        )
    return FAMILIES[model_type]

"""Where each family of Hugging Face encoders keeps its layers and linear projections."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn
from transformers import PreTrainedModel


class LayerStack(NamedTuple):
    """Names inside an encoder.

    Attributes:
        path: dotted name of the list of layers.
        projections: role to dotted name inside a layer: 'query', 'key', 'value' and 'output' of
            the attention, 'up' and 'down' of the feed-forward network.
        in_tuple: whether a layer returns its states as the first of a tuple.
    """

    path: str
    projections: dict[str, str]
    in_tuple: bool = False

    def layers(self, encoder: nn.Module) -> nn.ModuleList:
        """Return the layers of ``encoder``, first to last."""
        return encoder.get_submodule(self.path)  # type: ignore[return-value]

    def embeddings(self, encoder: nn.Module) -> nn.Module:
        """Return the module whose output goes to the first layer."""
        # ELECTRA widens embeddings that are narrower than its layers.
        return getattr(encoder, "embeddings_project", None) or encoder.get_submodule("embeddings")

    @contextmanager
    def only(self, encoder: nn.Module, numbers: range) -> Iterator[None]:
        """Inside, ``encoder`` runs the layers of ``numbers``; the others pass their input on.

        What stands between the layers, such as DeBERTa's convolution after the first, still runs.
        """
        layers = self.layers(encoder)
        parent, _, name = self.path.rpartition(".")
        owner, skipped = encoder.get_submodule(parent), _PassOn(self.in_tuple)
        kept = (layers[i] if i in numbers else skipped for i in range(len(layers)))
        setattr(owner, name, nn.ModuleList(kept))
        try:
            yield
        finally:
            setattr(owner, name, layers)

    @contextmanager
    def entered(self, encoder: nn.Module, number: int, states: Tensor) -> Iterator[None]:
        """Inside, ``encoder`` begins at the layer ``number``, which receives ``states`` (B, L, D).

        It still looks its tokens up, of which the shape alone is used.
        """
        layers = self.layers(encoder)
        handle = layers[number].register_forward_pre_hook(
            lambda module, args: (states, *args[1:]),
            prepend=True,  # other hooks see what the layer receives
        )
        try:
            with self.only(encoder, range(number, len(layers))):
                yield
        finally:
            handle.remove()


class _PassOn(nn.Module):
    def __init__(self, in_tuple: bool) -> None:
        super().__init__()
        self.in_tuple = in_tuple

    def forward(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        return (hidden, None) if self.in_tuple else hidden


_FEED_FORWARD = {"up": "intermediate.dense", "down": "output.dense"}

_BERT = LayerStack(
    "encoder.layer",
    {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "output": "attention.output.dense",
        **_FEED_FORWARD,
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
            **_FEED_FORWARD,
        },
        in_tuple=True,
    ),
    "distilbert": LayerStack(
        "transformer.layer",
        {
            "query": "attention.q_lin",
            "key": "attention.k_lin",
            "value": "attention.v_lin",
            "output": "attention.out_lin",
            "up": "ffn.lin1",
            "down": "ffn.lin2",
        },
    ),
    "deberta-v2": LayerStack(
        "encoder.layer",
        {
            "query": "attention.self.query_proj",
            "key": "attention.self.key_proj",
            "value": "attention.self.value_proj",
            "output": "attention.output.dense",
            **_FEED_FORWARD,
        },
        in_tuple=True,
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

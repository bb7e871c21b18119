"""Random batches with known real lengths, and tiny text encoders, for the tests of models."""

import torch
from torch import Tensor, nn

from pgf_plugin.structures import MSADataSample

TEXT_DIM = 12
DIMS = {"audio": 5, "vision": 7}
LENGTHS = {"text": [6, 3, 8, 1], "audio": [9, 4, 1, 6], "vision": [2, 11, 5, 7]}
NO_STEPS = {**LENGTHS, "audio": [0, 4, 0, 6], "vision": [0, 11, 5, 0]}
"""The first sample has neither audio nor vision."""

VOCABULARY = 40
FIRST_WORD = 5  # smaller ids are special in one family or another

_BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}
_SHAPES = {
    "electra": {**_BERT, "embedding_size": 8},
    "deberta-v2": {**_BERT, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "distilbert": {
        "dim": 16,
        "n_layers": 3,
        "n_heads": 2,
        "hidden_dim": 32,
        "max_position_embeddings": 40,
    },
}


def architecture(family: str = "bert", **settings) -> dict:
    """A text encoder of three layers of width 16, whose random attention is far from uniform."""
    return {
        "model_type": family,
        "vocab_size": VOCABULARY,
        "initializer_range": 0.2,
        **_SHAPES.get(family, _BERT),
        **settings,
    }


def random_inputs(
    lengths: dict[str, list[int]] = LENGTHS,
    extra: int = 0,
    padding: float = 0.0,
    seed: int = 0,
    tokens: bool = False,
    padding_id: int = 0,
    dims: dict[str, int] = DIMS,
) -> dict[str, Tensor]:
    """Text and the modalities of ``dims``, of real lengths; text as features, or as ``tokens``.

    The real steps depend on ``seed``, ``lengths`` and ``tokens`` alone: not on ``extra``, the
    padded steps beyond the longest sample, nor on what fills them.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = {}
    for name in ("text", *dims):
        steps = lengths[name]
        longest = max(1, *steps) + extra
        if tokens and name == "text":
            values = torch.full((len(steps), longest), padding_id)
            for row, length in enumerate(steps):
                values[row, :length] = torch.randint(
                    FIRST_WORD, VOCABULARY, (length,), generator=generator
                )
        else:
            dim = {"text": TEXT_DIM, **dims}[name]
            values = torch.full((len(steps), longest, dim), padding)
            for row, length in enumerate(steps):
                values[row, :length] = torch.randn(length, dim, generator=generator)
        mask = torch.arange(longest) < torch.tensor(steps)[:, None]
        inputs["input_ids" if tokens and name == "text" else name] = values
        inputs["attention_mask" if name == "text" else f"{name}_mask"] = (
            mask.long() if name == "text" else mask
        )
    return inputs


def select(inputs: dict[str, Tensor], rows: list[int]) -> dict[str, Tensor]:
    """The given rows of a batch, padding left as it is."""
    return {name: value[rows] for name, value in inputs.items()}


def labelled(count: int, n_out: int = 1) -> list[MSADataSample]:
    """Data samples with spread labels, all above what an untrained model predicts.

    Errors of one sign: signs that cancel would leave the L1 loss no gradient in the last bias.
    """
    labels = torch.linspace(1.5, 3, count * n_out).reshape(count, n_out)
    return [
        MSADataSample(metainfo={"sample_id": str(row)}, label=label)
        for row, label in enumerate(labels)
    ]


def perturbed(model: nn.Module, spread: float = 0.3, seed: int = 1) -> nn.Module:
    """``model`` as if trained: each parameter that trains is moved, so that none is zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += spread * torch.randn(parameter.shape, generator=generator)
    return model


def without_gradient(model: nn.Module) -> list[str]:
    """Names of the parameters that train but have no gradient, or one that is zero throughout."""
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
        and (parameter.grad is None or not parameter.grad.count_nonzero())
    ]

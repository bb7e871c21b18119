"""FLOPs against those counted by hand, and whose they are."""

import pytest
import torch
from torch import nn

from pgf_plugin.models import build_module
from pgf_plugin.models.encoders.bilstm import BiLSTMEncoder
from pgf_plugin.models.encoders.sequence import TemporalConv
from pgf_plugin.models.fusions.attention import masked_attention
from pgf_plugin.models.fusions.crossmodal import CrossmodalTransformer
from pgf_plugin.profiling import Case, Lengths, build_model, count_flops, synthetic_batch
from pgf_plugin.profiling.components import spending
from pgf_plugin.structures import MaskedSequence

D, FF, LAYERS, RANK = 16, 32, 3, 4
DIMS = {"audio": 5, "vision": 7}
LENGTHS = Lengths(6, 9, 11)
CPU = torch.device("cpu")

ENCODER = {
    "type": "HFTextEncoder",
    "lora_rank": RANK,
    "architecture": {
        "model_type": "bert",
        "vocab_size": 40,
        "hidden_size": D,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "intermediate_size": FF,
        "max_position_embeddings": 200,
    },
}
HEAD = {"type": "MSARegressionHead", "hidden_features": 8}


def total(model, inputs):
    return sum(count_flops(model.eval(), inputs).values())


def real(batch, steps, width):
    return MaskedSequence(torch.randn(batch, steps, width), torch.ones(batch, steps).bool())


def counted(model_type, size=1, lengths=LENGTHS, **settings):
    config = {"type": model_type, "encoder": ENCODER, "feature_dims": DIMS, **settings}
    model = build_model(config)
    return count_flops(model, synthetic_batch(model, Case(size, lengths), CPU))


def bert(tokens):
    """By hand: four projections, two of feed-forward, scores and mixing, LoRA on two."""
    projections = tokens * (4 * D * D + 2 * D * FF + 2 * 2 * D * RANK)
    attention = 2 * tokens * tokens * D
    return 2 * LAYERS * (projections + attention)


def test_linear_and_convolution():
    assert total(nn.Linear(8, 3), torch.randn(2, 5, 8)) == 2 * 2 * 5 * 8 * 3
    assert total(TemporalConv(5, 4, 3), real(2, 7, 5)) == 2 * 2 * 7 * 5 * 4 * 3


def test_recurrent_layers():
    # Four gates of H from D and H, both directions.
    steps = 2 * 2 * 7 * 4 * 5 * (3 + 5)
    assert total(nn.LSTM(3, 5, bidirectional=True, batch_first=True), torch.randn(2, 7, 3)) == (
        2 * steps
    )
    # On a CPU, one channel more tells each of both layers where padding is.
    packed = 2 * (2 * 2 * 7 * 4 * 5) * ((3 + 1 + 5) + (10 + 1 + 5))
    assert total(BiLSTMEncoder(3, 5), real(2, 7, 3)) == packed
    assert total(nn.GRU(3, 5), torch.randn(7, 2, 3)) == 2 * 2 * 7 * 3 * 5 * (3 + 5)


class Attention(nn.Module):
    def forward(self, inputs):
        query, key, value, mask = inputs
        return masked_attention(query, key, value, mask)


def test_attention_counts_on_a_cpu_whatever_the_mask():
    query, key, value = (torch.randn(2, 4, steps, 8) for steps in (6, 9, 9))
    by_hand = 2 * (2 * 4 * 6 * 9 * 8) * 2
    for mask in (torch.ones(2, 9).bool(), torch.arange(9).expand(2, 9) < 3):
        assert total(Attention(), (query, key, value, mask)) == by_hand


def test_a_transformer_layer_in_one_call():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    by_hand = 2 * 2 * 3 * (4 * 8 * 8 + 2 * 8 * 16) + 2 * 2 * 2 * 3 * 3 * 8
    assert total(layer, torch.randn(2, 3, 8)) == by_hand
    assert torch.backends.mha.get_fastpath_enabled()


class Crossmodal(nn.Module):
    def __init__(self):
        super().__init__()
        self.transformer = CrossmodalTransformer(8, 2, 1)

    def forward(self, inputs):
        return self.transformer(*inputs)


@pytest.mark.parametrize("steps", [5, 80], ids=["plain", "ragged"])
def test_crossmodal_attention_counts_alike_where_the_model_takes_its_own_path(steps):
    model = Crossmodal()
    target, source = real(2, steps, 8), real(2, steps + 2, 8)
    linear = 2 * steps * (2 * 8 * 8 + 2 * 8 * 32) + 2 * (steps + 2) * 2 * 8 * 8
    by_hand = 2 * (linear + 2 * 2 * steps * (steps + 2) * 8)
    assert total(model, (target, source)) == by_hand
    short = MaskedSequence(source.values, torch.arange(steps + 2).expand(2, -1) < 3)
    assert total(model, (target, short)) == by_hand


def test_the_text_encoder_and_the_head():
    head = 2 * (D * 8 + 8 * 8 + 8 * 1)
    found = counted("TextOnlyNet", head=HEAD)
    assert found == {
        "encoder": bert(6),
        "modalities": 0,
        "fusion": 0,
        "head": head,
        "other": 0,
    }
    assert counted("TextOnlyNet", size=3, head=HEAD)["encoder"] == 3 * bert(6)


def test_what_runs_inside_the_encoder_is_of_the_fusion():
    settings = {
        "bank": {"type": "PGFBank", "width": 4},
        "block": {
            "type": "PGFBlock",
            "cross_attention": {"type": "PGFCrossAttention", "attention_width": 8},
            "gate": {"type": "PGFGate", "rank": 2},
            "adapter": {"type": "PGFAdapter", "bottleneck": 3},
        },
    }
    found = counted("PGFNet", **settings)
    tokens, steps = 6, 9 + 11
    attention = 2 * tokens * D * 8 + 2 * steps * 4 * 8 + 2 * tokens * steps * 8
    gate, adapter = tokens * (2 * D * 2 + 2 * D), tokens * 2 * D * 3
    assert found["fusion"] == 2 * LAYERS * (attention + gate + adapter)
    assert found["modalities"] == 2 * 3 * 4 * (9 * 5 + 11 * 7)
    assert found["encoder"] == bert(6)


def test_the_convolutions_in_the_mixtures_of_mma_are_of_the_modalities():
    found = counted("MMA")
    assert found["modalities"] == 2 * LAYERS * 3 * D * (9 * 5 + 11 * 7)
    assert found["encoder"] == bert(6)


@pytest.mark.parametrize("model", ["PGFNet", "MMA", "MulT", "MISA", "TFN", "LMF", "MAGBert"])
def test_operations_grow_with_the_batch_and_every_component_has_some(model):
    settings = {"width": 10} if model in ("MulT", "MISA") else {}
    one, three = (counted(model, size, **settings) for size in (1, 3))
    assert three == {name: 3 * operations for name, operations in one.items()}
    assert min(one["encoder"], one["head"]) > 0
    assert one["fusion"] > 0 or model == "TFN"  # its outer product is element-wise


def test_watching_leaves_the_model_as_it_was():
    model = build_module({"type": "PGFNet", "encoder": ENCODER, "feature_dims": DIMS}).eval()
    inputs = synthetic_batch(model, Case(2, LENGTHS), CPU)
    attributes = {name: set(vars(module)) for name, module in model.named_modules()}
    with torch.no_grad():
        before = model(inputs).prediction
        ticks = iter(range(10**6))
        with spending(model, lambda: next(ticks)) as spent:
            inside = model(inputs).prediction
        assert torch.equal(inside, before)
        assert spent["encoder"] > 0 < spent["fusion"]
        told = dict(spent)
        assert torch.equal(model(inputs).prediction, before)
    assert spent == told
    assert attributes == {name: set(vars(module)) for name, module in model.named_modules()}

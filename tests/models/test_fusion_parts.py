"""The parts of a PGF block, each against its equation or against torch."""

import math

import pytest
import torch
import torch.nn.functional as F
from random_batch import DIMS, LENGTHS, NO_STEPS, perturbed, random_inputs
from torch import nn

from pgf_plugin.models.build import build_module
from pgf_plugin.models.fusions.attention import attention_weights, masked_attention
from pgf_plugin.models.fusions.bank import PGFBank, split_bank
from pgf_plugin.models.fusions.cross_attention import PGFCrossAttention
from pgf_plugin.models.fusions.gate import PGFGate
from pgf_plugin.models.fusions.pgf_block import PGFBlock
from pgf_plugin.models.heads.regression import MSARegressionHead
from pgf_plugin.models.losses.regression import MSARegressionLoss
from pgf_plugin.models.peft.adapter import PGFAdapter
from pgf_plugin.structures import MaskedSequence

WIDTH, BANK_WIDTH = 16, 6
KEYS = torch.tensor([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]).bool()
"""Valid keys of three samples: some, not only the first ones; all; none."""


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def states(requires_grad=False):
    return torch.randn(3, 4, WIDTH, requires_grad=requires_grad)


def bank(mask=KEYS):
    return MaskedSequence(torch.randn(*mask.shape, BANK_WIDTH), mask)


def block(**settings):
    return PGFBlock(WIDTH, BANK_WIDTH, **settings)


# --- attention over padded keys ---------------------------------------------------------------


@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_a_softmax_over_the_valid_keys_of_each_sample(causal):
    query, key, value = (torch.randn(3, 2, 5, d) for d in (4, 4, 3))
    allowed = torch.ones(5, 5).tril().bool() if causal else None
    got = masked_attention(query, key, value, KEYS, allowed=allowed)
    weights = attention_weights(query, key, KEYS, allowed=allowed)
    for row in range(3):
        for step in range(5):
            seen = KEYS[row] & (torch.arange(5) <= step if causal else True)
            scores = query[row, :, step : step + 1] @ key[row, :, seen].mT / math.sqrt(4)
            expected = scores.softmax(-1)  # (H, 1, valid keys)
            torch.testing.assert_close(weights[row, :, step, seen], expected[:, 0])
            assert not weights[row, :, step, ~seen].any()
            mixed = (expected @ value[row, :, seen])[:, 0]
            torch.testing.assert_close(got[row, :, step], mixed, rtol=1e-5, atol=1e-6)


def test_attention_to_nothing_is_zero_with_zero_gradient():
    query, key, value = (torch.randn(3, 2, 5, 4, requires_grad=True) for _ in range(3))
    got = masked_attention(query, key, value, KEYS)
    assert not got[2].any()
    got.square().sum().backward()
    for tensor in (query, key, value):
        assert tensor.grad.isfinite().all()
        assert not tensor.grad[2].any()
        assert tensor.grad[:2].any()


@pytest.mark.parametrize("num_heads", [1, 2, 4])
def test_cross_attention_equals_torchs_multihead_attention(num_heads):
    """With torch's projections, which keep the width of the text, cut to equal widths."""
    ours = PGFCrossAttention(WIDTH, BANK_WIDTH, attention_width=WIDTH, num_heads=num_heads)
    perturbed(ours)
    theirs = nn.MultiheadAttention(
        WIDTH, num_heads, kdim=BANK_WIDTH, vdim=BANK_WIDTH, batch_first=True
    )
    with torch.no_grad():
        for name in ("query", "key", "value"):
            getattr(theirs, f"{name[0]}_proj_weight").copy_(getattr(ours, name).weight)
        biases = [ours.query.bias, torch.zeros(WIDTH), ours.value.bias]
        theirs.in_proj_bias.copy_(torch.cat(biases))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    hidden, steps = states(), bank(KEYS[:2])
    hidden = hidden[:2]
    got, weights = ours(hidden, steps, need_weights=True)
    expected, expected_weights = theirs(
        hidden,
        steps.values,
        steps.values,
        key_padding_mask=~steps.mask,
        average_attn_weights=False,
    )
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(weights, expected_weights, rtol=1e-5, atol=1e-5)
    assert ours(hidden, steps)[1] is None


def test_an_untrained_cross_attention_adds_nothing():
    mixed, weights = PGFCrossAttention(WIDTH, BANK_WIDTH)(states(), bank(), need_weights=True)
    assert not mixed.any()
    assert weights[:2].any()


def test_the_values_of_invalid_keys_do_not_matter():
    attention, hidden, steps = perturbed(PGFCrossAttention(WIDTH, BANK_WIDTH)), states(), bank()
    changed = steps._replace(values=steps.values.masked_fill(~KEYS.unsqueeze(-1), 1e4))
    torch.testing.assert_close(attention(hidden, changed)[0], attention(hidden, steps)[0])


# --- gate ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [None, 3])
@pytest.mark.parametrize("init_bias", [3.0, -1.0])
def test_an_untrained_gate_is_constant(rank, init_bias):
    gate = PGFGate(WIDTH, rank=rank, init_bias=init_bias)(states(), states())
    constant = 1 / (1 + math.exp(-init_bias))
    torch.testing.assert_close(gate, torch.full((3, 4, WIDTH), constant))


@pytest.mark.parametrize("rank", [None, 3])
def test_the_gate_is_its_equation(rank):
    gate = perturbed(PGFGate(WIDTH, rank=rank))
    hidden, attended = states(), states()
    weight = gate.up.weight if rank is None else gate.up.weight @ gate.down.weight
    assert weight.shape == (WIDTH, 2 * WIDTH)
    expected = (torch.cat((hidden, attended), -1) @ weight.T + gate.up.bias).sigmoid()
    torch.testing.assert_close(gate(hidden, attended), expected)
    parameters = sum(p.numel() for p in gate.parameters())
    assert parameters == WIDTH + (2 * WIDTH * WIDTH if rank is None else 3 * WIDTH * 3)


@pytest.mark.parametrize("floor", [0.0, 0.4, 1.0])
def test_the_floor_squeezes_the_gate_from_below(floor):
    gate, hidden, attended = perturbed(PGFGate(WIDTH)), states(), states()
    free = gate(hidden, attended)
    gate.floor = floor
    raised = gate(hidden, attended)
    torch.testing.assert_close(raised, floor + (1 - floor) * free)
    assert floor <= raised.min() <= raised.max() <= 1


# --- adapter ------------------------------------------------------------------------------------


def test_an_untrained_adapter_is_the_identity():
    fused = states()
    assert torch.equal(PGFAdapter(WIDTH)(fused), fused)


@pytest.mark.parametrize("scale", [0, -1.0, float("inf"), "inf", float("nan"), "1", True])
def test_the_scale_of_an_adapter_must_be_positive(scale):
    with pytest.raises(ValueError, match="init_scale must be a finite number > 0, got"):
        PGFAdapter(WIDTH, init_scale=scale)


def test_the_adapter_is_its_equation():
    adapter, fused = perturbed(PGFAdapter(WIDTH, bottleneck=5)), states()
    centred = fused - fused.mean(-1, keepdim=True)
    normed = centred / (fused.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    normed = adapter.norm.weight * normed + adapter.norm.bias
    inner = (normed @ adapter.down.weight.T + adapter.down.bias).clamp(min=0)
    expected = fused + adapter.scale * (inner @ adapter.up.weight.T + adapter.up.bias)
    torch.testing.assert_close(adapter(fused), expected, rtol=1e-5, atol=1e-5)


# --- bank ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_the_bank_convolves_each_unpadded_sequence_and_lines_them_up(kernel_size):
    pgf_bank = perturbed(PGFBank(DIMS, width=BANK_WIDTH, kernel_size=kernel_size))
    inputs = random_inputs(NO_STEPS, extra=2, padding=float("nan"))
    values, mask = pgf_bank(inputs)
    lengths = {name: inputs[name].shape[1] for name in DIMS}
    assert values.shape == (4, sum(lengths.values()), BANK_WIDTH)
    start = 0
    for name, length in lengths.items():
        projection = pgf_bank.projections[name]
        for row, real in enumerate(NO_STEPS[name]):
            assert mask[row, start : start + length].sum() == real
            if real == 0:
                continue
            expected = F.conv1d(
                inputs[name][row : row + 1, :real].transpose(1, 2),
                projection.weight,
                projection.bias,
                padding=kernel_size // 2,
            )
            expected = expected[0].T + pgf_bank.embeddings[name]
            torch.testing.assert_close(
                values[row, start : start + real], expected, rtol=1e-5, atol=1e-5
            )
        start += length


def test_a_bank_is_cut_back_into_its_modalities():
    inputs = random_inputs()
    whole = PGFBank(DIMS)(inputs)
    parts = split_bank(whole, inputs, DIMS)
    assert list(parts) == ["audio", "vision"]
    assert torch.equal(torch.cat([part.values for part in parts.values()], 1), whole.values)
    for name, part in parts.items():
        assert torch.equal(part.mask, inputs[f"{name}_mask"])


# --- block --------------------------------------------------------------------------------------


def test_the_block_is_its_equations():
    pgf, hidden, steps = perturbed(block()), states(), bank(KEYS[:2])
    hidden = hidden[:2]
    attended, _ = pgf.cross_attention(hidden, steps)
    gate = pgf.gate(hidden, attended)
    fused = gate * hidden + (1 - gate) * attended
    got, asked = pgf(hidden, steps, outputs=("gates", "attention"))
    torch.testing.assert_close(got, pgf.adapter(fused), rtol=1e-5, atol=1e-5)
    assert torch.equal(asked["gates"], gate)
    assert asked["attention"].shape == (2, 1, 4, 5)
    assert not torch.allclose(fused, hidden, atol=0.1)  # the mix is no formality


def test_without_a_valid_key_the_block_is_its_adapter_and_learns_nothing_else():
    pgf, hidden = perturbed(block()), states(requires_grad=True)
    steps = bank(torch.zeros_like(KEYS))
    got, asked = pgf(hidden, steps, outputs=("gates", "attention"))
    assert torch.equal(got, pgf.adapter(hidden))
    assert torch.equal(asked["gates"], torch.ones_like(hidden))
    assert not asked["attention"].any()
    got.square().sum().backward()
    assert hidden.grad.isfinite().all()
    for part in (pgf.cross_attention, pgf.gate):
        for parameter in part.parameters():
            assert not parameter.grad.any()
    assert pgf.adapter.down.weight.grad.any()


def test_samples_with_and_without_keys_do_not_touch_each_other():
    pgf, hidden, steps = perturbed(block()), states(), bank()
    got, _ = pgf(hidden, steps)
    assert torch.equal(got[2], pgf.adapter(hidden[2]))
    for row in range(3):
        alone, _ = pgf(hidden[row : row + 1], MaskedSequence(*(x[row : row + 1] for x in steps)))
        torch.testing.assert_close(got[row : row + 1], alone, rtol=1e-5, atol=1e-5)


def test_a_held_gate_keeps_the_language_exactly():
    pgf, hidden = perturbed(block()), states()
    pgf.gate.floor = 1.0
    assert torch.equal(pgf(hidden, bank())[0], pgf.adapter(hidden))


def test_a_block_without_other_modalities_is_an_adapter():
    pgf, hidden = perturbed(PGFBlock(WIDTH, None)), states()
    got, asked = pgf(hidden, None, outputs=("gates", "attention"))
    assert torch.equal(got, pgf.adapter(hidden))
    assert asked == {}
    assert {name.split(".")[0] for name, _ in pgf.named_parameters()} == {"adapter"}


def test_the_parts_of_a_block_are_replaced_by_configs_and_by_modules():
    adapter = PGFAdapter(WIDTH, bottleneck=3)
    pgf = block(
        cross_attention={"type": "PGFCrossAttention", "attention_width": 8, "num_heads": 4},
        gate={"type": "PGFGate", "rank": None},
        adapter=adapter,
    )
    assert pgf.adapter is adapter
    assert pgf.cross_attention.query.out_features == 8
    assert pgf.gate.up.in_features == 2 * WIDTH
    assert pgf(states(), bank(), outputs=["attention"])[1]["attention"].shape == (3, 4, 4, 5)


@pytest.mark.parametrize("part", ["hidden", "bank"])
def test_the_block_under_autocast_is_close_to_float32(part):
    """Whichever of its inputs arrives in float32, as after a LayerNorm."""
    pgf, hidden, steps = perturbed(block()), states(), bank()
    plain, _ = pgf(hidden, steps)
    if part == "hidden":
        hidden = hidden.bfloat16()
    else:
        steps = steps._replace(values=steps.values.bfloat16())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast, _ = pgf(hidden, steps)
    torch.testing.assert_close(cast.float(), plain, rtol=0.05, atol=0.1)


# --- head and loss ------------------------------------------------------------------------------


def test_the_head_is_three_layers_with_relus_between_them():
    head, pooled = MSARegressionHead(6, hidden_features=5).eval(), torch.randn(4, 6)
    first, second, last = (part for part in head.layers if isinstance(part, nn.Linear))
    expected = last(second(first(pooled).clamp(min=0)).clamp(min=0))
    torch.testing.assert_close(head(pooled), expected)


def test_the_head_has_the_published_size_and_drops_out_its_input_alone():
    head = MSARegressionHead(768)
    assert sum(p.numel() for p in head.parameters()) == 115_073
    dropouts = [(n, m.p) for n, m in enumerate(head.layers) if isinstance(m, nn.Dropout)]
    assert dropouts == [(0, 0.2)]
    assert MSARegressionHead(6, out_features=3)(torch.randn(2, 6)).shape == (2, 3)


@pytest.mark.parametrize(
    ("kind", "expected"), [("l1", (0.5 + 3) / 2), ("mse", (0.25 + 9) / 2), ("smooth_l1", 1.3125)]
)
def test_the_loss_is_a_mean_in_float32(kind, expected):
    prediction, label = torch.tensor([[0.5], [1.0]]), torch.tensor([[0.0], [-2.0]])
    loss = MSARegressionLoss(kind)
    assert loss(prediction, label).item() == pytest.approx(expected)
    assert loss(prediction.bfloat16(), label.bfloat16()).dtype == torch.float32


def test_a_loss_does_not_broadcast():
    with pytest.raises(ValueError, match=r"shape \(4, 1\), label \(4, 3\).*out_features"):
        MSARegressionLoss()(torch.zeros(4, 1), torch.zeros(4, 3))


# --- values that are not allowed ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "PGFCrossAttention", "attention_width": 0}, "attention_width .* >= 1, got 0"),
        ({"type": "PGFCrossAttention", "num_heads": 0}, "num_heads .* >= 1, got 0"),
        (
            {"type": "PGFCrossAttention", "attention_width": 16, "num_heads": 3},
            "num_heads must divide attention_width: got num_heads=3, attention_width=16",
        ),
        ({"type": "PGFGate", "rank": 0}, "rank .* >= 1, got 0"),
        ({"type": "PGFGate", "rank": -2}, "rank .* >= 1, got -2"),
        ({"type": "PGFAdapter", "bottleneck": 0}, "bottleneck .* >= 1, got 0"),
        ({"type": "PGFAdapter", "bottleneck": 2.5}, r"bottleneck .* >= 1, got 2\.5"),
        ({"type": "PGFBank", "feature_dims": LENGTHS, "width": 0}, "width .* >= 1, got 0"),
        ({"type": "PGFBank", "feature_dims": DIMS, "kernel_size": 0}, "kernel_size .* got 0"),
        ({"type": "PGFBank", "feature_dims": DIMS, "kernel_size": 4}, "kernel_size must be odd"),
        ({"type": "MSARegressionHead", "in_features": 0}, "in_features .* got 0"),
        ({"type": "MSARegressionHead", "in_features": 4, "hidden_features": 0}, "hidden_features"),
        ({"type": "MSARegressionHead", "in_features": 4, "out_features": 0}, "out_features"),
        (
            {"type": "MSARegressionHead", "in_features": 4, "dropout": 1},
            r"dropout must be a number in \[0, 1\), got 1",
        ),
        (
            {"type": "MSARegressionLoss", "kind": "L1"},
            r"kind must be one of 'l1', 'mse', 'smooth_l1', got 'L1'\. Did you mean 'l1'\?",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_a_value_that_is_not_allowed_is_told_with_its_key(config, message):
    widths = {"hidden_size": WIDTH, "bank_width": BANK_WIDTH}
    needed = {"PGFCrossAttention": widths, "PGFGate": {"hidden_size": WIDTH}}
    needed["PGFAdapter"] = needed["PGFGate"]
    with pytest.raises(ValueError, match=message):
        build_module(config, **needed.get(config["type"], {}))

"""The mixture of adapters: what it equals, what its router gives, and that it trains."""

import pytest
import torch
from random_batch import (
    DIMS,
    NO_STEPS,
    architecture,
    labelled,
    perturbed,
    random_inputs,
    select,
    without_gradient,
)

from pgf_plugin.models import ledger
from pgf_plugin.models.build import build_module
from pgf_plugin.models.peft.adapter import PGFAdapter
from pgf_plugin.models.peft.mixture_of_adapters import PGFMixtureOfAdapters

WIDTH, LAYERS, EXPERTS = 16, 3, 4
routings = pytest.mark.parametrize("top_k", [None, 2, 3])


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def mixture(**settings):
    return PGFMixtureOfAdapters(WIDTH, **{"bottleneck": 10, "num_experts": EXPERTS, **settings})


def states():
    return torch.randn(3, 4, WIDTH)


def network(adapter=None, **settings):
    encoder = {
        "type": "HFTextEncoder",
        "architecture": architecture(),
        "lora_rank": 2,
        "freeze": True,
        "dropout": 0.0,
        "lora_dropout": 0.0,
    }
    adapter = {"type": "PGFMixtureOfAdapters", "bottleneck": 10, **(adapter or {})}
    block = {"type": "PGFBlock", "adapter": adapter}
    settings = {"feature_dims": DIMS, "block": block, **settings}
    return build_module({"type": "PGFNet", "encoder": encoder, **settings}).eval()


# --- what it computes -----------------------------------------------------------------------------


@routings
def test_untrained_it_is_the_identity(top_k):
    hidden = states()
    assert torch.equal(mixture(top_k=top_k)(hidden), hidden)


def test_one_expert_is_the_plain_adapter():
    adapter, hidden = perturbed(PGFAdapter(WIDTH, 10)), states()
    one = mixture(num_experts=1)
    one.load_state_dict(adapter.state_dict())
    assert torch.equal(one(hidden), adapter(hidden))
    assert torch.equal(one.weigh(hidden), torch.ones(3, 4, 1))


@routings
def test_it_equals_its_experts_weighed_one_by_one(top_k):
    part, hidden = perturbed(mixture(top_k=top_k)), states()
    weights, normed = part.weigh(hidden), part.norm(hidden)
    expected, start = part.up.bias.clone(), 0
    for expert, width in enumerate((3, 3, 2, 2)):
        own = slice(start, start + width)
        inner = torch.relu(normed @ part.down.weight[own].T + part.down.bias[own])
        expected = expected + weights[..., expert : expert + 1] * (inner @ part.up.weight[:, own].T)
        start += width
    torch.testing.assert_close(part(hidden), hidden + part.scale * expected)


def test_an_undecided_router_divides_by_the_number_of_experts():
    adapter, hidden = perturbed(PGFAdapter(WIDTH, 12)), states()
    with torch.no_grad():
        adapter.up.bias.zero_()
    part = mixture(bottleneck=12)
    part.load_state_dict(adapter.state_dict(), strict=False)
    with torch.no_grad():
        part.router.weight.zero_()
        part.router.bias.zero_()
        part.scale *= EXPERTS
    torch.testing.assert_close(part(hidden), adapter(hidden))


@pytest.mark.parametrize(("top_k", "kept"), [(None, 4), (2, 2), (3, 3), (4, 4)])
def test_weights_sum_to_1_over_the_experts_that_are_kept(top_k, kept):
    part, hidden = perturbed(mixture(top_k=top_k)), states()
    weights = part.weigh(hidden)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 4))
    assert torch.equal((weights > 0).sum(-1), torch.full((3, 4), kept))
    scores = part.router(part.norm(hidden))
    assert torch.equal(weights.argmax(-1), scores.argmax(-1))
    assert len(weights.argmax(-1).unique()) > 1  # the choice is the token's


def test_the_router_alone_comes_on_top_of_the_adapter():
    count = [
        sum(p.numel() for p in part.parameters()) for part in (PGFAdapter(WIDTH, 10), mixture())
    ]
    assert count[1] - count[0] == EXPERTS * (WIDTH + 1)
    groups = {row.group: row.trainable for row in ledger(network()).rows}
    assert groups["adapter"] == LAYERS * count[1]


# --- in the model ---------------------------------------------------------------------------------


@routings
def test_after_one_step_every_parameter_that_trains_has_a_gradient(top_k):
    model = network({"top_k": top_k})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        model.train().zero_grad()
        model(random_inputs(tokens=True), labelled(4), mode="loss")["loss_task"].backward()
        missing = without_gradient(model)
        optimizer.step()
    assert missing == []


@routings
def test_neither_padding_nor_the_rest_of_the_batch_matters(top_k):
    model, inputs = perturbed(network({"top_k": top_k})), random_inputs(NO_STEPS, tokens=True)
    expected = model(inputs).prediction
    padded = random_inputs(NO_STEPS, tokens=True, extra=6, padding=float("nan"), padding_id=7)
    torch.testing.assert_close(model(padded).prediction, expected, rtol=1e-4, atol=1e-4)
    alone = torch.cat([model(select(inputs, [row])).prediction for row in range(4)])
    torch.testing.assert_close(alone, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("given", [DIMS, {}], ids=["audio and vision", "text alone"])
def test_the_experts_are_a_named_output(given):
    model = perturbed(network({"num_experts": 2}, feature_dims=given, adapter_layers=[0, 2]))
    inputs = random_inputs(tokens=True)
    output = model(inputs, outputs=("experts",))
    assert list(output) == ["prediction", "experts"]
    assert [weights.shape for weights in output.experts] == [(4, 8, 2)] * 2  # of layers 0 and 2
    for weights in output.experts:
        torch.testing.assert_close(weights.sum(-1), torch.ones(4, 8))
    assert torch.equal(model(inputs).prediction, output.prediction)
    for name in model.available_outputs:
        assert getattr(model(inputs, outputs=(name,)), name) is not None


def test_without_a_mixture_there_are_no_experts_to_ask_for():
    model = network({"type": "PGFAdapter"})
    with pytest.raises(ValueError, match=r"must be one of 'gates', .* got 'experts'"):
        model(random_inputs(tokens=True), outputs=("experts",))


def test_mixed_precision_is_close_to_float32():
    model, inputs = perturbed(network({"top_k": 2})), random_inputs(tokens=True)
    expected = model(inputs).prediction
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(inputs, labelled(4), mode="loss")["loss_task"]
        got = model(inputs).prediction
    assert (got.float() - expected).abs().max() < 0.2 * expected.abs().max()
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_experts": 0}, "num_experts must be an integer >= 1, got 0"),
        ({"num_experts": 11}, "num_experts must be at most bottleneck, 10, got 11"),
        ({"top_k": 5}, "top_k must be at most num_experts, 4, got 5"),
        ({"top_k": 1}, "top_k must be an integer >= 2, got 1"),
        ({"bottleneck": 0}, "bottleneck must be an integer >= 1, got 0"),
    ],
    ids=str,
)
def test_a_setting_that_is_not_allowed_is_told_with_its_name(settings, message):
    with pytest.raises(ValueError, match=message):
        mixture(**settings)

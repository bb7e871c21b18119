"""Adapters that differ from layer to layer: widths, places, counts, and what cannot work."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_batch import DIMS, architecture, labelled, perturbed, random_inputs, without_gradient
from torch import nn

from pgf_plugin.config import check_config, load_config
from pgf_plugin.models.build import build_module
from pgf_plugin.models.peft.adapter import PGFAdapter
from pgf_plugin.models.peft.ledger import ledger
from pgf_plugin.models.peft.schedule import bottlenecks_of, round_to_total

SYNTHETIC = "pgf_net/pgf_net_minilm_synthetic"
WIDTH, LAYERS = 16, 3
widths = st.integers(1, 2000)
rules = st.sampled_from(["linear", "geometric"])


def build(**settings):
    torch.manual_seed(0)
    encoder = {
        "type": "HFTextEncoder",
        "architecture": architecture(),
        "lora_rank": 2,
        "freeze": True,
        "dropout": 0.0,
        "lora_dropout": 0.0,
    }
    block = {"type": "PGFBlock", "adapter": {"type": "PGFAdapter", "bottleneck": 8}}
    settings = {"feature_dims": DIMS, "block": block, **settings}
    return build_module({"type": "PGFNet", "encoder": encoder, **settings}).eval()


def bottlenecks(model):
    """Width of the adapter of each block; 0 where it has none."""
    return [
        block.adapter.down.out_features if isinstance(block.adapter, PGFAdapter) else 0
        for block in model.blocks
    ]


def in_adapters(model):
    return {row.group: row.trainable for row in ledger(model).rows}.get("adapter", 0)


# --- rules ----------------------------------------------------------------------------------------


@given(rules, widths, widths, st.integers(2, 40))
def test_a_rule_goes_from_first_to_last_and_never_turns(rule, first, last, number):
    got = bottlenecks_of({"rule": rule, "first": first, "last": last}, number)
    assert len(got) == number
    assert (got[0], got[-1]) == (first, last)
    assert got == sorted(got, reverse=last < first)


@given(rules, st.integers(1, 64), st.integers(1, 64), st.integers(1, 24), st.integers(2000, 9000))
def test_under_a_total_the_sum_is_exact_and_the_direction_stays(rule, first, last, number, total):
    schedule = {"rule": rule, "first": first, "last": last, "total": total}
    got = bottlenecks_of(schedule, number)
    assert sum(got) == total
    assert got == sorted(got, reverse=last <= first)  # of equal ones, the first are rounded up


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=30), st.integers(0, 10_000))
def test_rounding_is_off_by_less_than_one(exact, total):
    got = round_to_total(exact, total)
    assert sum(got) == total
    for width, rounded in zip(exact, got, strict=True):
        assert abs(width * total / sum(exact) - rounded) < 1 + 1e-6


@given(st.integers(1, 30), st.integers(30, 5000))
def test_a_constant_total_is_spread_evenly(number, total):
    got = bottlenecks_of({"rule": "constant", "total": total}, number)
    assert sum(got) == total
    assert max(got) - min(got) <= 1


def test_rules_by_hand():
    linear = {"rule": "linear", "first": 16, "last": 112}
    assert bottlenecks_of(linear, 4) == [16, 48, 80, 112]
    assert bottlenecks_of({**linear, "total": 128}, 4) == [8, 24, 40, 56]
    assert bottlenecks_of({"rule": "geometric", "first": 8, "last": 64}, 4) == [8, 16, 32, 64]
    assert bottlenecks_of({"rule": "constant", "width": 5}, 3) == [5, 5, 5]
    assert bottlenecks_of([3, 0, 4], 3) == [3, 0, 4]


# --- in the model ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [8, 8, 8]),
        ({"adapter_bottlenecks": [2, 0, 5]}, [2, 0, 5]),
        ({"adapter_bottlenecks": {"rule": "linear", "first": 4, "last": 12}}, [4, 8, 12]),
        ({"adapter_layers": [0, 2]}, [8, 0, 8]),
        ({"adapter_layers": []}, [0, 0, 0]),
        ({"adapter_layers": [0, 2], "adapter_bottlenecks": [3, 6]}, [3, 0, 6]),
        ({"start_fusion_layer": 1, "adapter_bottlenecks": [3, 6]}, [3, 6]),
        ({"start_fusion_layer": 1, "adapter_layers": [2]}, [0, 8]),
        ({"block": None, "adapter_bottlenecks": [2, 2, 2]}, [2, 2, 2]),
    ],
    ids=str,
)
def test_each_layer_gets_its_adapter_and_it_is_counted(settings, expected):
    model = build(**settings)
    assert bottlenecks(model) == expected
    each = [width * (2 * WIDTH + 1) + 3 * WIDTH + 1 for width in expected if width]
    assert in_adapters(model) == sum(each)


def test_one_total_is_one_number_of_parameters():
    rising = {"rule": "geometric", "first": 2, "last": 31, "total": 3 * 8}
    assert in_adapters(build(adapter_bottlenecks=rising)) == in_adapters(build())


def test_the_same_widths_are_the_same_model():
    inputs = random_inputs(tokens=True)
    expected = perturbed(build()).eval()(inputs).prediction
    got = perturbed(build(adapter_bottlenecks=[8, 8, 8])).eval()(inputs).prediction
    assert torch.equal(got, expected)


@pytest.mark.parametrize("recompute", [False, True])
def test_after_one_step_every_parameter_that_trains_has_a_gradient(recompute):
    model = build(adapter_bottlenecks=[3, 0, 7], recompute=recompute)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        model.train().zero_grad()
        model(random_inputs(tokens=True), labelled(4), mode="loss")["loss_task"].backward()
        missing = without_gradient(model)
        optimizer.step()
    assert missing == []


# --- what cannot work -----------------------------------------------------------------------------

RISING = {"rule": "linear", "first": 2, "last": 8}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"adapter_bottlenecks": [1, 2]}, r"one entry for each of the 3 layers .* got 2: \[1, 2\]"),
        ({"adapter_layers": [1], "adapter_bottlenecks": [1, 2]}, "each of the 1 layers .* got 2"),
        ({"adapter_bottlenecks": [1, -2, 3]}, "entry 1, must be an integer >= 0, got -2"),
        ({"adapter_bottlenecks": [1, 2.5, 3]}, "entry 1, must be an integer >= 0, got 2.5"),
        ({"adapter_bottlenecks": 8}, "must be a list of integers, or a rule .* got 8"),
        ({"adapter_bottlenecks": "888"}, "must be a list of integers, or a rule .* got '888'"),
        ({"adapter_bottlenecks": {"first": 2}}, r"needs 'rule', one of .*, got the keys \['first'"),
        ({"adapter_bottlenecks": {**RISING, "rule": "linar"}}, "rule must be .* mean 'linear'"),
        ({"adapter_bottlenecks": {**RISING, "lats": 3}}, "lats .got 3. is no key .* mean 'last'"),
        ({"adapter_bottlenecks": {"rule": "linear", "first": 2}}, "needs 'last' for the rule"),
        ({"adapter_bottlenecks": {**RISING, "first": 0}}, "first must be an integer >= 1, got 0"),
        ({"adapter_bottlenecks": {**RISING, "total": 0}}, "total must be an integer >= 1, got 0"),
        ({"adapter_bottlenecks": {**RISING, "total": 3}}, r"no bottleneck: \[0, 1, 2\]. Raise"),
        (
            {"adapter_bottlenecks": {"rule": "constant", "width": 8, "total": 24}},
            r"width \(got 8\) is no key of the rule 'constant' with a total",
        ),
        ({"adapter_layers": [], "adapter_bottlenecks": RISING}, "a rule, but .* leaves no layer"),
        ({"adapter_layers": [0, 3]}, r"must name .* 0 … 2, got 3 in \[0, 3\]"),
        ({"adapter_layers": [-1]}, "must name .* 0 … 2, got -1"),
        ({"adapter_layers": [0], "start_fusion_layer": 1}, "must name .* 1 … 2, got 0"),
        ({"adapter_layers": [1, 1]}, r"increase and name each layer once, got \[1, 1\]"),
        ({"adapter_layers": [2, 0]}, r"increase and name each layer once, got \[2, 0\]"),
        ({"adapter_layers": 2}, "must be a list of integers, got 2"),
        (
            {"adapter_bottlenecks": [1, 2, 3], "block": {"adapter": nn.Identity()}},
            "needs model.block.adapter as a config, got Identity, built already",
        ),
        ({"adapter_layers": [1], "block": nn.Identity()}, "need model.block as a config, got Iden"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_with_its_key(settings, message):
    with pytest.raises(ValueError, match=rf"^model\.adapter_(bottlenecks|layers).*{message}"):
        build(**settings)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model.adapter_bottlenecks", [16] * 5, "each of the 6 layers .* got 5"),
        ("model.adapter_bottlenecks", "linear", "must be a list"),
        ("model.adapter_bottlenecks.rule", "linera", "Did you mean 'linear'"),
        ("model.adapter_layers", [7], "0 … 5, got 7"),
        ("model.adapter_layers", 3, r"must be a list .* Did you mean \[3\]"),
        (
            "model.adapter_layer",
            [3],
            "no argument 'adapter_layer' .* Did you mean 'adapter_layers'",
        ),
    ],
)
def test_check_tells_one_problem_at_its_key(key, value, message):
    cfg = load_config(SYNTHETIC, {key: value})
    [problem] = check_config(cfg)
    assert problem.key == key
    with pytest.raises(ValueError, match=message):
        raise ValueError(problem.message)


@pytest.mark.parametrize(
    ("block", "key"),
    [
        (nn.Identity(), "model.block is a Identity"),
        ({"type": "PGFBlock", "gate": nn.Identity()}, "model.block.gate is a Identity"),
    ],
)
def test_a_part_that_is_built_already_is_not_shared_by_the_layers(block, key):
    with pytest.raises(ValueError, match=f"{key} that is built already, and 3 would be one"):
        build(block=block)

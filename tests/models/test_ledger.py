"""The parameter ledger: who claims which parameter, and what is counted."""

import pytest
import torch
from random_batch import DIMS, TEXT_DIM, architecture
from torch import nn

from pgf_plugin.models import build_module, ledger, parameter_groups
from pgf_plugin.models.peft.ledger import GROUPS, Ledger, LedgerRow


class Claimed(nn.Module):
    parameter_group = "fusion"

    def __init__(self):
        super().__init__()
        self.plain = nn.Linear(3, 2)
        self.inner = Head()


class Head(nn.Module):
    parameter_group = "head"

    def __init__(self):
        super().__init__()
        self.out = nn.Sequential(nn.Linear(2, 1, bias=False))


def pgf_net(**settings):
    encoder = {"type": "HFTextEncoder", "architecture": architecture(), **settings}
    return build_module({"type": "PGFNet", "encoder": encoder, "feature_dims": DIMS})


def counts(model):
    return {row.group: (row.trainable, row.frozen) for row in ledger(model).rows}


def test_the_nearest_module_that_claims_a_parameter_has_it():
    model = nn.Sequential(nn.Linear(4, 1), Claimed())
    assert counts(model) == {"fusion": (8, 0), "head": (2, 0), "other": (5, 0)}


def test_a_frozen_parameter_stays_in_its_group():
    model = Claimed()
    model.plain.weight.requires_grad_(False)
    assert counts(model) == {"fusion": (2, 6), "head": (2, 0)}


def test_tied_weights_count_once():
    model = Claimed()
    model.inner.out[0].weight = nn.Parameter(torch.zeros(2, 3))
    model.plain.weight = model.inner.out[0].weight
    assert ledger(model).total == 2 + 6


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"encoder": "trains"}),
        ({"freeze": True}, {"encoder": "frozen"}),
        ({"freeze": True, "lora_rank": 2}, {"encoder": "frozen", "lora": "trains"}),
        ({"lora_rank": 2}, {"encoder": "trains", "lora": "trains"}),
    ],
    ids=str,
)
def test_the_groups_of_a_pgf_net(settings, expected):
    model = pgf_net(**settings)
    rows = {row.group: row for row in ledger(model).rows}
    others = dict.fromkeys(("fusion", "adapter", "head"), "trains")
    assert {
        name: "trains" if row.trainable else "frozen" for name, row in rows.items()
    } == expected | others
    assert all(not (row.trainable and row.frozen) for row in rows.values())
    names = {
        group: {name for name, p in model.named_parameters() if any(p is q for q in members)}
        for group, members in parameter_groups(model).items()
    }
    for group, prefix in (("encoder", "encoder."), ("lora", "encoder."), ("head", "head.")):
        assert all(name.startswith(prefix) for name in names.get(group, ()))
    assert all("lora_" in name for name in names.get("lora", ()))
    assert all(name.startswith(("bank.", "blocks.")) for name in names["fusion"])
    assert all(".adapter." in name for name in names["adapter"])


def test_every_parameter_is_counted_once():
    model = pgf_net(lora_rank=2, freeze=True)
    counted = ledger(model)
    assert counted.total == sum(p.numel() for p in model.parameters())
    assert counted.trainable == sum(p.numel() for p in model.parameters() if p.requires_grad)
    rows = {row.group: row for row in counted.rows}
    assert counted.trainable_without_encoder == counted.trainable - rows["lora"].trainable
    assert [row.group for row in counted.rows] == [name for name in GROUPS if name in rows]


def test_features_instead_of_an_encoder_cost_nothing():
    encoder = {"type": "PrecomputedTextEncoder", "in_features": TEXT_DIM}
    model = build_module({"type": "TextOnlyNet", "encoder": encoder})
    assert list(counts(model)) == ["head"]


def test_a_model_without_parameters():
    assert ledger(nn.Identity()) == Ledger(())
    assert ledger(nn.Identity()).total == 0


def test_the_table_shows_every_group_and_the_sum():
    table = str(Ledger((LedgerRow("encoder", 0, 1_234_567), LedgerRow("lora", 2_000, 0))))
    lines = [line.split() for line in table.splitlines()]
    assert lines == [
        ["group", "trainable", "frozen", "total"],
        ["encoder", "0", "1,234,567", "1,234,567"],
        ["lora", "2,000", "0", "2,000"],
        ["total", "2,000", "1,234,567", "1,236,567"],
    ]
    assert len({len(line) for line in table.splitlines()}) == 1

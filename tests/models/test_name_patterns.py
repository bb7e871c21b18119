"""Patterns of dotted names: what they match, and what is said where they match nothing."""

import pytest
from torch import nn

from pgf_plugin.models.name_patterns import describe_stacks, match_names

NAMES = [
    "body",
    "body.layer",
    *(f"body.layer.{number}" for number in range(12)),
    "body.layer.0.attention",
    "body.layer.0.attention.query",
    "head.out",
]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("body.layer.*", [f"body.layer.{number}" for number in range(12)]),
        ("body.layer.[02]", ["body.layer.0", "body.layer.2"]),
        ("body.layer.1?", ["body.layer.10", "body.layer.11"]),
        ("**.attention", ["body.layer.0.attention"]),
        ("**.query", ["body.layer.0.attention.query"]),
        ("body.**.query", ["body.layer.0.attention.query"]),
        ("body.layer.0.**", ["body.layer.0", *NAMES[-3:-1]]),
        (r"re:body\.layer\.\d*[02468]", [f"body.layer.{number}" for number in range(0, 12, 2)]),
        (["head.*", "body"], ["body", "head.out"]),
        (("body", "b*"), ["body"]),
        ([], []),
    ],
    ids=str,
)
def test_a_pattern_matches_whole_names_in_their_order(patterns, expected):
    assert match_names("layers", patterns, NAMES) == expected


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ("layer.*", r"'layer\.\*' matches none of 17 names\. Did you mean 'body\.layer\.0'"),
        ("body.layr.3", r"Did you mean 'body\.layer\.3'"),
        ("zzz", r"They begin with \['body', 'head'\]"),
        (["body", "head"], r"'head' matches none"),
        (r"re:layer\.\d", "matches none"),
        ("re:(", "is no regular expression: missing"),
        ("", "a pattern of layers must be a string that is not empty"),
        ([3], "a pattern of layers must be a string"),
        (3, "layers must be a pattern or a list of patterns, got 3"),
        ({"a": 1}, "layers must be a pattern or a list of patterns"),
    ],
    ids=str,
)
def test_what_matches_nothing_is_told(patterns, message):
    with pytest.raises(ValueError, match=message):
        match_names("layers", patterns, NAMES)


def test_the_stacks_of_a_module_are_named_by_the_pattern_that_takes_them():
    body = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])})
    model = nn.Sequential(nn.Linear(2, 2), body)
    assert describe_stacks(model) == " Stacks of layers: '1.layers.*' (2 Linear)."
    twins = nn.Sequential(nn.ReLU(), nn.ReLU())
    assert describe_stacks(twins) == " Stacks of layers: '*' (2 ReLU)."
    assert describe_stacks(nn.Linear(2, 2)) == ""

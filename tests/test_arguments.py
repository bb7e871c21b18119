"""Checks that a constructor declares, for itself and for `pgf check`."""

import inspect

import pytest

from pgf_plugin.arguments import checked_arguments, declared_problems, one_of, optional
from pgf_plugin.errors import check_positive, check_positive_int


def check_order(arguments):
    if arguments["low"] >= arguments["high"]:
        raise ValueError(f"low={arguments['low']} must be below high={arguments['high']}")


class Dataset:
    built = 0

    @checked_arguments(
        check_order, split=one_of("train", "test"), steps=check_positive_int, low=check_positive,
        limit=optional(check_positive_int),
    )  # fmt: skip
    def __init__(self, split, steps=4, low=1, high=2, limit=None):
        Dataset.built += 1
        self.split = split


def test_a_constructor_refuses_what_it_declares():
    assert Dataset("train").split == "train"
    for arguments, message in (
        ({"split": "trian"}, "split must be one of 'train', 'test', got 'trian'"),
        ({"split": "train", "steps": 0}, "steps must be an integer >= 1"),
        ({"split": "train", "high": 1}, "low=1 must be below high=1"),
    ):
        with pytest.raises(ValueError, match=message):
            Dataset(**arguments)


def test_every_problem_is_found_without_building():
    before = Dataset.built
    found = dict(declared_problems(Dataset, {"split": "dev", "steps": -1, "limit": None}))
    assert set(found) == {"split", "steps"}
    assert "got -1" in found["steps"]
    (found,) = declared_problems(Dataset, {"split": "test", "low": 3})
    assert found == ("low", "low=3 must be below high=2")
    assert list(declared_problems(Dataset, {"split": "test"})) == []
    assert Dataset.built == before


def test_what_declares_nothing_is_let_through():
    assert list(declared_problems(dict, {"anything": 1})) == []


def test_the_signature_stays():
    assert list(inspect.signature(Dataset).parameters) == ["split", "steps", "low", "high", "limit"]
    with pytest.raises(TypeError, match="unexpected keyword"):
        Dataset("train", other=3)

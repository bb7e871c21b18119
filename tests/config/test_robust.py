"""Whatever stands in a config, the check ends and says so; and what is right stays right."""

import random
from copy import deepcopy

import pytest
from mmengine.config import Config

from pgf_plugin.config import check_config, load_config

VALUES = [
    *(None, 3, -1, 1.5, "x", "", True, [], [1], {}, {1: 2}, (1, 2), float("nan"), b"x", int),
    *({"type": "X"}, {"type": 3}, {"type": None}, [{"type": "X"}], [[{}]], [None], object()),
]


def places(tree, path=()):
    """Every place of a config, as the keys that lead there."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


@pytest.mark.parametrize("seed", range(4))
def test_any_value_at_any_place(seed):
    base = load_config("misa/misa_mosi_text-audio").to_dict()
    rng = random.Random(seed)
    where = sorted(places(base), key=str)
    for _ in range(40):
        changed, path = deepcopy(base), rng.choice(where)
        owner = changed
        for key in path[:-1]:
            owner = owner[key]
        owner[path[-1]] = rng.choice(VALUES)
        problems = check_config(Config(changed), build_model=False)
        assert not [each for each in problems if "cannot be checked" in each.message], path
        assert len({each.key for each in problems}) == len(problems)

"""A search that is killed and gone on with: the same trials as of an undisturbed one."""

import random
import shlex
import signal

import pytest
from killed_runs import assert_same
from searches import Search

pytest.importorskip("optuna", reason="extra [tune] is not installed")

MORE = """
tune["sampler"] = dict(type="tpe", n_startup_trials=1)
tune["pruner"] = dict(type="successive_halving", reduction_factor=2)
tune["seeds"] = [0, 5]
tune["trials"] = 3
"""
CODES = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}
MOMENTS = 60
"""Of the longest run: four epochs with validation."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    search = Search(tmp_path_factory.mktemp("undisturbed"), MORE)
    status, printed = search()
    assert status == 0, printed
    return search


def unmarked(search):
    """The trials without the hash of the config, which holds a path of this test."""
    return [{**record, "study": None} for record in search.records()]


def check(undisturbed, folder, seed, most):
    """Kill and interrupt the search until ``most`` signals have hit, and compare the end."""
    search, drawn, hits = Search(folder, MORE), random.Random(seed), 0
    while hits < most:
        signum = drawn.choice(list(CODES))
        place = f"{drawn.randrange(3):04d}/seed_{drawn.choice([0, 5])}"
        status, printed = search(moment=f"{drawn.randrange(MOMENTS)} {int(signum)} {place}")
        if status == 0:
            break
        hits += 1
        assert status == CODES[signum], printed
        if signum != signal.SIGKILL:
            assert "The trials that have ended are kept" in printed
            assert f"  python -m pgf_plugin {shlex.join(search.argv)}\n" in printed
    status, printed = search()
    assert status == 0, printed
    assert_same(unmarked(search), unmarked(undisturbed))


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(20))
def test_a_killed_search_ends_with_the_same_trials(undisturbed, tmp_path, seed):
    check(undisturbed, tmp_path, seed, most=4)


@pytest.mark.slow
def test_an_interrupted_trial_goes_on_from_its_checkpoint(undisturbed, tmp_path):
    search = Search(tmp_path, MORE)
    # Inside the third epoch: two are saved.
    status, printed = search(moment=f"24 {int(signal.SIGKILL)} 0000/seed_0")
    assert status == -9, printed
    saved = search.work_dir / "trials" / "0000" / "seed_0"
    assert list(saved.glob("epoch_*.pth"))
    status, printed = search()
    assert status == 0, printed
    assert "[1/3]" in printed
    assert "goes on after epoch" in printed
    assert_same(unmarked(search), unmarked(undisturbed))

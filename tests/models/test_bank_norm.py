"""A normalised bank: steps that are louder than those of the training add no more."""

import pytest
import torch

from pgf_plugin.models.fusions.bank import PGFBank

DIMS = dict(audio=3, vision=4)


def steps(scale):
    drawn = torch.Generator().manual_seed(0)
    inputs = {}
    for name, dim in DIMS.items():
        inputs[name] = scale * torch.randn(2, 5, dim, generator=drawn)
        inputs[f"{name}_mask"] = torch.ones(2, 5, dtype=torch.bool)
    return inputs


def test_louder_steps_leave_a_normalised_bank_as_loud():
    torch.manual_seed(0)
    bank = PGFBank(DIMS, width=8, norm=True)
    loud, louder = (bank(steps(scale)).values.detach() for scale in (10.0, 1000.0))
    assert loud.var(-1, correction=0).mean() == pytest.approx(1.0, abs=1e-3)
    torch.testing.assert_close(louder, loud, rtol=0.1, atol=0.3)
    plain = PGFBank(DIMS, width=8)
    quiet, louder = (plain(steps(scale)).values.detach() for scale in (10.0, 1000.0))
    assert louder.std() > 50 * quiet.std()


def test_a_bank_is_not_normalised_by_default_and_its_weights_have_their_old_names():
    plain, normed = PGFBank(DIMS).state_dict(), PGFBank(DIMS, norm=True).state_dict()
    assert set(normed) - set(plain) == {"norm.weight", "norm.bias"}


def test_a_norm_that_is_no_switch_is_refused():
    with pytest.raises(ValueError, match="norm must be True or False, got 'layer'"):
        PGFBank(DIMS, norm="layer")

"""PGFWrapper on torch's own transformer layers, which in eval mode compute past their parts."""

import pytest
import torch
from random_batch import DIMS, perturbed, random_inputs
from wrapped import StepNet, TorchNet, build

from pgf_plugin.models.fast_path import without_fast_path

TORCH = {"type": "PGFWrapper", "layers": "stack.layers.*", "feature_dims": DIMS, "hidden_size": 8}
LORA = {"targets": "stack.layers.*.linear?", "rank": 2}


def in_both_modes(model, inputs):
    with torch.no_grad():
        return model.train()(inputs).prediction, model.eval()(inputs).prediction


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("layers", [[], "stack.layers.0", "stack.layers.*"], ids=str)
def test_evaluation_computes_what_training_does(layers, stacked, norm_first):
    model = build(TORCH, model=TorchNet(stacked, norm_first), layers=layers, lora=LORA)
    inputs = random_inputs()
    start = model.eval()(inputs).prediction
    trained, evaluated = in_both_modes(perturbed(model), inputs)
    assert torch.allclose(trained, evaluated, atol=1e-5)
    assert (evaluated - start).abs().min() > 1e-4


def test_so_it_does_around_an_encoder_of_this_package():
    encoder = {"type": "FeatureTransformerEncoder", "in_features": 12, "width": 8, "dropout": 0.0}
    head = {"type": "MSARegressionHead", "dropout": 0.0}
    model = build(
        TORCH,
        model={"type": "TextOnlyNet", "encoder": encoder, "head": head},
        layers=[],
        lora={"targets": "encoder.layers.*.linear1", "rank": 2},
    )
    trained, evaluated = in_both_modes(perturbed(model), random_inputs())
    assert torch.allclose(trained, evaluated, atol=1e-5)


def test_the_fast_path_is_left_as_it_was():
    fast = torch.backends.mha.get_fastpath_enabled
    model, seen = build(TORCH, model=TorchNet()).eval(), []
    model.model.enter.register_forward_hook(lambda *args: seen.append(fast()))
    model(random_inputs())
    assert (seen, fast()) == ([False], True)
    with pytest.raises(ValueError, match="which the batch lacks"):
        build(TORCH, model=model.model, model_inputs={"text": "none"})(random_inputs())
    assert fast()
    with without_fast_path():
        model(random_inputs())
        assert not fast()


@pytest.mark.parametrize(
    "config",
    [{"model": TorchNet(stacked=False), "layers": []}, {"model": StepNet(), "layers": "stack.*"}],
    ids=["nothing put in", "other layers"],
)
def test_the_fast_path_is_left_on_where_it_does_no_harm(config, monkeypatch):
    model = build(TORCH, **config, **({"hidden_size": 6} if config["layers"] else {})).eval()
    monkeypatch.setattr(
        torch.backends.mha, "set_fastpath_enabled", lambda value: pytest.fail("it was set")
    )
    model(random_inputs())

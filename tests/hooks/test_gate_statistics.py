"""GateStatisticsHook: what it reports, where it appears, and that it leaves no trace."""

import json
from pathlib import Path

import pytest
import torch

from pgf_plugin.errors import ConfigError
from pgf_plugin.evaluation.look_sums import text_mask
from pgf_plugin.hooks.gate_statistics import gate_statistics
from pgf_plugin.model_access import undisturbed
from pgf_plugin.structures import MSAOutput

NAMES = [
    f"gate_{kind}/layer_{layer:02d}" for layer in range(2) for kind in ("mean", "std", "saturation")
]


def test_statistics_count_real_tokens_alone():
    gate = torch.tensor([[[0.01, 0.5], [0.99, 0.5]], [[0.02, 0.4], [0.7, 0.7]]])
    mask = torch.tensor([[1, 1], [1, 0]])
    values = torch.tensor([0.01, 0.5, 0.99, 0.5, 0.02, 0.4])
    result = gate_statistics(gate, mask)
    assert result["mean"] == pytest.approx(values.mean().item())
    assert result["std"] == pytest.approx(values.std(correction=0).item())
    assert result["saturation"] == pytest.approx(3 / 6)


def test_layers_that_are_not_the_texts_count_whole():
    gate = torch.rand(2, 5, 3)
    inputs = {"attention_mask": torch.tensor([[1, 1, 0], [1, 0, 0]])}
    assert text_mask(inputs, MSAOutput(gates=(gate,))).all()
    assert text_mask(inputs, MSAOutput(gates=(gate,))).shape == (2, 5)
    text = MSAOutput(attention=(torch.rand(2, 4, 3, 7),))
    assert text_mask(inputs, text).tolist() == [[True, True, False], [True, False, False]]


def test_constant_gate_has_no_spread():
    assert gate_statistics(torch.full((2, 3, 4), 0.5)) == {"mean": 0.5, "std": 0, "saturation": 0}


def test_scalars_reach_log_and_visualizer(make_runner):
    runner = make_runner({"type": "GateStatisticsHook", "interval": 3}, log_interval=3)
    runner.train()
    folder = Path(runner.log_dir)
    scalars = (folder / "vis_data/scalars.json").read_text()
    lines = [json.loads(line) for line in scalars.splitlines()]
    assert [line["step"] for line in lines] == [3, 6]
    for line in lines:
        assert set(NAMES) <= set(line)
        # The gate starts at sigmoid(3) = 0.953.
        assert 0.85 < line["gate_mean/layer_00"] < 1
    text = next(folder.glob("*.log")).read_text()
    assert all(f"{name}: 0." in text for name in NAMES)


def test_reported_values_are_those_of_the_step(make_runner, recorder):
    def recompute(runner):
        with undisturbed(runner.model):
            gates = runner.model(inputs, outputs=("gates",)).gates
        return [gate_statistics(gate, inputs["attention_mask"])["mean"] for gate in gates]

    runner = make_runner({"type": "GateStatisticsHook", "interval": 1})
    inputs: dict = {}
    seen = recorder(lambda runner: None)
    seen.before_train_iter = lambda runner, batch_idx, data_batch: inputs.update(
        data_batch["inputs"]
    )
    seen.after_train_iter = lambda runner, **_: seen.seen.append(recompute(runner))
    runner.register_hook(seen)
    runner.train()
    for layer in range(2):
        scalars = runner.message_hub.get_scalar(f"train/gate_mean/layer_{layer:02d}").data[0]
        assert scalars.tolist() == [means[layer] for means in seen.seen]
        assert len(set(scalars.tolist())) == 6


def test_training_is_bit_identical_with_and_without(make_runner):
    weights, states = [], []
    for hooks in ([], [{"type": "GateStatisticsHook", "interval": 1}]):
        runner = make_runner(*hooks)
        runner.train()
        weights.append(runner.model.state_dict())
        states.append(torch.get_rng_state())
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert torch.equal(states[0], states[1])


def test_undisturbed_restores_modes_and_random_state_after_an_error():
    class Broken(torch.nn.Module):
        def forward(self):
            assert not torch.is_grad_enabled()
            torch.rand(1)
            raise RuntimeError(f"{self.training=}")

    model = torch.nn.Sequential(Broken(), torch.nn.Dropout())
    model[1].eval()
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="training=False"), undisturbed(model):
        model[0]()
    assert [module.training for module in model.modules()] == [True, True, False]
    assert torch.equal(torch.get_rng_state(), before)


def test_model_without_gates_is_named_before_the_first_step(make_runner, third_party_net):
    runner = make_runner({"type": "GateStatisticsHook"}, model=third_party_net)
    with pytest.raises(ConfigError, match=r"'gates'.*ThirdPartyNet has \[\].*custom_hooks"):
        runner.train()
    assert runner.iter == 0


def test_a_gated_model_without_modalities_has_no_gates_to_report(make_runner, pgf_net):
    runner = make_runner({"type": "GateStatisticsHook"}, model=pgf_net | {"feature_dims": {}})
    with pytest.raises(ConfigError, match=r"'gates'.*PGFNet has \['modality_features'\]"):
        runner.train()


@pytest.mark.parametrize("interval", [0, -1, 2.5, True])
def test_interval_must_be_positive(make_runner, interval):
    with pytest.raises(ValueError, match=r"GateStatisticsHook\.interval must be .* got"):
        make_runner({"type": "GateStatisticsHook", "interval": interval})

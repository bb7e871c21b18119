"""PGFWrapper: the wrapped model computes what it did, and learns what the bank has to say."""

import copy

import pytest
import torch
from contract import close
from mmengine.runner import Runner
from random_batch import (
    DIMS,
    LENGTHS,
    NO_STEPS,
    labelled,
    perturbed,
    random_inputs,
    without_gradient,
)
from wrapped import ADAPTED, IMAGE, TEXT, TheirModel, TupleNet, build, inputs_for

from pgf_plugin.config import check_config
from pgf_plugin.models import build_on_meta, ledger

SILENT = {**LENGTHS, "audio": [0] * 4, "vision": [0] * 4}
both = pytest.mark.parametrize("config", [TEXT, IMAGE], ids=["text", "image"])


def wrapped_alone(model, inputs):
    """What the wrapped model computes by itself."""
    if "image" in inputs:
        return model.model(pixel_values=inputs["image"]).logits
    return model.model(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
    ).logits


def train_step(model, inputs, lr=0.05):
    model.train().zero_grad()
    losses = model(inputs, labelled(4), mode="loss")
    losses["loss_task"].backward()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr).step()
    return losses


@both
def test_without_a_valid_step_it_is_the_wrapped_model_bit_for_bit(config):
    model, inputs = build(config).eval(), inputs_for(config, SILENT)
    alone = wrapped_alone(model, inputs)
    assert torch.equal(model(inputs).prediction, alone)
    perturbed(model)  # as if trained
    assert torch.equal(model(inputs).prediction, alone)
    # Sample by sample: of this batch, the first has no step.
    mixed = inputs_for(config, NO_STEPS)
    got, alone = model(mixed).prediction, wrapped_alone(model, mixed)
    assert torch.equal(got[0], alone[0])
    assert (got[1:] - alone[1:]).abs().min() > 1e-4


def test_lora_and_what_trains_change_nothing_at_the_start():
    model, plain = build(ADAPTED).eval(), build(TEXT).eval()
    plain.model.load_state_dict(
        {
            name.replace(".base_layer.", "."): value
            for name, value in model.model.state_dict().items()
            if "lora_" not in name
        }
    )
    inputs = inputs_for(TEXT, SILENT)
    assert torch.equal(model(inputs).prediction, wrapped_alone(plain, inputs))


def test_without_layers_it_is_the_wrapped_model_whatever_the_bank_holds():
    model, inputs = build(TEXT, layers=[]).eval(), inputs_for(TEXT)
    assert torch.equal(model(inputs).prediction, wrapped_alone(model, inputs))
    assert list(ledger(model).rows) == [("encoder", 0, ledger(model).total)]


def test_nothing_of_a_call_stays_in_the_wrapped_model():
    model, inputs = build(TEXT).eval(), inputs_for(TEXT)
    before = wrapped_alone(model, inputs)
    model(inputs)
    with pytest.raises(ValueError, match=r"feature_dims\.audio is 5"):
        model({**inputs, "audio": inputs["audio"][..., :2]})
    assert torch.equal(wrapped_alone(model, inputs), before)


@both
@pytest.mark.parametrize("adapted", [False, True], ids=["blocks", "lora"])
def test_every_parameter_that_trains_has_a_gradient(config, adapted):
    extra = {key: ADAPTED[key] for key in ("lora", "head", "trainable")} if adapted else {}
    if adapted and config is IMAGE:
        extra = {"lora": {"targets": "**.q_proj", "rank": 2}, "head": "classifier.*"}
    model, inputs = build(config, **extra), inputs_for(config)
    before = {name: value.clone() for name, value in model.named_parameters()}
    train_step(model, inputs)
    train_step(model, inputs)
    assert without_gradient(model) == []
    for name, value in model.named_parameters():
        assert value.requires_grad or torch.equal(value, before[name]), f"{name} is frozen"
        assert value.requires_grad or value.grad is None, name


@both
def test_a_prediction_does_not_depend_on_padding_or_on_the_rest_of_the_batch(config):
    model, inputs = perturbed(build(config)).eval(), inputs_for(config)
    whole = model(inputs).prediction
    close(model(inputs_for(config, extra=5, padding=float("nan"))).prediction, whole)
    for row in range(4):
        one = {name: value[row : row + 1] for name, value in inputs.items()}
        close(model(one).prediction, whole[row : row + 1])
    quiet = {**inputs, "audio": inputs["audio"] + 1}
    assert (model(quiet).prediction - whole).abs().min() > 1e-5, "the bank is not read"


def test_the_ledger_counts_each_part_where_it_is():
    model = build(ADAPTED)
    rows = {row.group: row for row in ledger(model).rows}
    assert list(rows) == ["encoder", "lora", "fusion", "adapter", "head"]
    width = 16
    assert rows["lora"][1:] == (3 * 2 * 2 * 2 * width, 0)  # layers, projections, A and B, rank
    assert rows["head"][1:] == (width + 1, 0)
    assert rows["encoder"].trainable == width * (width + 1)  # the pooler
    blocks = [*model.bank.parameters(), *model.blocks.parameters()]
    assert rows["fusion"].trainable + rows["adapter"].trainable == sum(p.numel() for p in blocks)
    assert ledger(model).total == sum(p.numel() for p in model.parameters())
    assert ledger(build_on_meta(ADAPTED)) == ledger(model)
    whole = ledger(build(TEXT, freeze=False))
    assert whole.trainable == whole.total


def test_gates_and_attention_leave_it_by_name():
    model, inputs = perturbed(build(TEXT, layers="bert.encoder.layer.[02]")).eval(), None
    inputs = inputs_for(TEXT, NO_STEPS)
    output = model(inputs, outputs=("gates", "attention"))
    assert [gate.shape for gate in output.gates] == [(4, 8, 16)] * 2
    assert all((gate[0] == 1).all() for gate in output.gates)
    assert all((weights[0] == 0).all() for weights in output.attention)


def test_a_plain_module_of_tuples_takes_what_it_names():
    settings = {"feature_dims": DIMS, "hidden_size": 6, "prediction_key": 1}
    config = {"type": "PGFWrapper", "layers": "stack.*", **settings}
    model = build(config, model=TupleNet()).eval()
    silent = random_inputs(SILENT)
    alone = model.model(silent["text"], audio=silent["audio"])[1]
    assert torch.equal(model(silent).prediction, alone)  # audio is in the bank and passed on
    without = build(config, model=model.model, model_inputs="text").eval()
    assert torch.equal(without(silent).prediction, model.model(silent["text"])[1])
    renamed = {"sound": silent["audio"], "real": silent["audio_mask"], "text": silent["text"]}
    other = build(
        config,
        model=model.model,
        feature_dims={"audio": DIMS["audio"]},
        bank_inputs={"audio": ("sound", "real")},
        model_inputs={"text": "text", "audio": "sound"},
    ).eval()
    assert torch.equal(other(renamed).prediction, alone)
    model.train()
    with torch.no_grad():
        model(random_inputs())
    assert model.model.norm.num_batches_tracked == 0, "frozen statistics moved"


def test_the_engine_does_not_draw_the_weights_of_a_plain_module_anew():
    config = {"type": "PGFWrapper", "layers": [], "feature_dims": DIMS}
    model = build(config, model=TupleNet())
    model.init_weights()
    assert model.model.out.weight.any()
    theirs = build(config, model=TheirModel())
    theirs.init_weights()
    assert theirs.model.seen == ["init_weights"]


def test_a_model_of_mmengine_answers_itself():
    config = {"type": "PGFWrapper", "layers": "net.stack.*", "feature_dims": DIMS}
    model = build(config, model=TheirModel(), hidden_size=6)
    inputs, samples = random_inputs(), labelled(4)
    assert list(model(inputs, samples, mode="loss")) == ["loss_theirs"]
    assert model(inputs, samples, mode="predict") is samples
    assert model(inputs).shape == (4, 2)
    assert model.model.seen[0] == (["attention_mask", "text"], "loss")
    perturbed(model.blocks)
    apart = model.eval()(inputs) - model.model(inputs)
    assert apart.abs().min() > 1e-5
    build(config, model=model.model, hidden_size=6, model_inputs="text")(inputs)
    assert model.model.seen[-1] == ("tensor", "tensor")


def test_a_timm_model_is_built_by_its_dotted_path():
    timm = pytest.importorskip("timm", reason="timm is not installed", exc_type=ImportError)
    sizes = {"img_size": 8, "patch_size": 4, "embed_dim": 16, "depth": 2, "num_heads": 2}
    name = "vit_tiny_patch16_224"
    config = {
        **IMAGE,
        "model": {"type": "timm.create_model", "model_name": name, "num_classes": 1, **sizes},
        "model_inputs": "image",
        "layers": "blocks.*",
        "lora": {"targets": "blocks.*.attn.qkv", "rank": 2},
        "head": "head.*",
    }
    assert check_config({"model": config}) == []
    model, inputs = build(config).eval(), inputs_for(IMAGE, SILENT)
    assert isinstance(model.model, timm.models.VisionTransformer)
    assert torch.equal(model(inputs).prediction, model.model(inputs["image"]))
    inputs = inputs_for(IMAGE)
    train_step(model, inputs)
    train_step(model, inputs)
    assert without_gradient(model) == []


@both
def test_a_checkpoint_of_a_runner_holds_all_of_it(config, tmp_path):
    def runner(model, work_dir):
        batches = [{"inputs": inputs_for(config), "data_samples": labelled(4)}] * 2
        return Runner(
            model=model,
            work_dir=str(work_dir),
            train_dataloader={
                "dataset": batches,
                "sampler": {"type": "DefaultSampler", "shuffle": False},
                "batch_size": 1,
                "collate_fn": lambda items: items[0],
            },
            train_cfg={"by_epoch": True, "max_epochs": 1},
            optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.01}},
            default_hooks={"checkpoint": {"type": "SafeCheckpointHook", "interval": 1}},
            default_scope="pgf_plugin",
            log_level="ERROR",
            experiment_name=f"{config['layers']}-{work_dir.name}".replace("*", "all"),
        )

    trained = build(config)
    runner(trained, tmp_path / "one").train()
    other = build(config, seed=1)
    later = runner(other, tmp_path / "two")
    later.load_checkpoint(str(tmp_path / "one" / "epoch_1.pth"))
    inputs = inputs_for(config)
    want = trained.eval()(inputs).prediction
    assert torch.equal(other.eval()(inputs).prediction, want)
    assert torch.equal(copy.deepcopy(trained)(inputs).prediction, want)

"""State dicts that hold what was trained: small, exact, and refused by another encoder."""

import copy
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner, load_checkpoint
from random_batch import DIMS, VOCABULARY, architecture, perturbed, random_inputs
from torch.utils.data import DataLoader
from transformers import AutoConfig, AutoModel

from pgf_plugin.config import load_config
from pgf_plugin.datasets.collate import msa_collate
from pgf_plugin.models import build_module, ledger
from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.models.encoders.identity import EncoderIdentity
from pgf_plugin.models.encoders.layer_stack import FAMILIES

KEY = "encoder._extra_state"


def save_encoder(folder, family="bert", seed=0, **settings) -> str:
    settings = architecture(family, **settings)
    torch.manual_seed(seed)
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    AutoModel.from_config(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def encoder(tmp_path) -> str:
    return save_encoder(tmp_path / "encoder")


def pgf_net(pretrained=None, seed=5, moved=True, **settings):
    """A PGF-Net as if trained, where ``moved``; the encoder's weights do not follow ``seed``."""
    settings = {"pretrained": pretrained, "lora_rank": 2, **settings}
    config = {"type": "HFTextEncoder", **settings}
    torch.manual_seed(seed)
    model = build_module({"type": "PGFNet", "encoder": config, "feature_dims": DIMS})
    return perturbed(model, seed=seed).eval() if moved else model.eval()


def predict(model):
    with torch.no_grad():
        return model.eval()(random_inputs(tokens=True)).prediction


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def own_keys(state):
    return [key for key in state if key.startswith("encoder.encoder.") and "lora_" not in key]


# --- what is in it --------------------------------------------------------------------------------


def test_it_holds_what_trains_and_the_identity_of_the_rest(encoder):
    model = pgf_net(encoder)
    state = model.state_dict()
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert set(state) == trained | {KEY}
    size = sum(value.nbytes for name, value in state.items() if name != KEY)
    assert size == 4 * ledger(model).trainable
    identity = EncoderIdentity.from_tensor(state[KEY])
    assert identity.name == encoder
    assert identity.architecture["model_type"] == "bert"
    assert identity.architecture["hidden_size"] == 16
    assert identity.weights.startswith("sha256:")


def test_of_bert_base_it_holds_less_than_15_mb(tmp_path):
    name = str(tmp_path / "bert-base")
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.for_model("bert")).half().save_pretrained(name)
    cfg = load_config("pgf_net/pgf_net_bert-base_mosi", encoder=name)
    model = build_module(cfg.model)
    assert ledger(model).total > 100e6
    torch.save({"state_dict": model.state_dict()}, tmp_path / "best.pth")
    assert 4 * ledger(model).trainable < (tmp_path / "best.pth").stat().st_size < 15e6
    shutil.rmtree(name)


def test_the_hash_is_of_the_encoder_and_of_nothing_else(encoder, tmp_path):
    def hashed(*arguments, **settings):
        return pgf_net(*arguments, **settings).encoder.identity.weights

    reference = hashed(encoder)
    assert hashed(encoder, seed=9) == reference
    assert hashed(encoder, lora_rank=None) == reference
    assert hashed(encoder, lora_targets=("key", "output"), dropout=0.3) == reference
    assert hashed(save_encoder(tmp_path / "other", seed=1)) != reference


def test_a_cast_does_not_change_the_identity(encoder):
    plain, cast = pgf_net(encoder), pgf_net(encoder).to(torch.bfloat16)
    assert cast.encoder.identity == plain.encoder.identity
    plain.load_state_dict(cast.state_dict())
    cast.load_state_dict(plain.state_dict())


@pytest.mark.parametrize("settings", [{"pretrained": None}, {"freeze": False}], ids=str)
def test_an_encoder_that_trains_is_saved_whole(encoder, settings):
    if "pretrained" in settings:
        settings |= {"architecture": architecture()}
    settings = {"pretrained": encoder, **settings}
    model, other = pgf_net(**settings), pgf_net(**settings, seed=9)
    state = through_a_file(model.state_dict())
    assert set(state) == {name for name, _ in model.named_parameters()} | {KEY}
    assert not torch.equal(predict(other), predict(model))
    other.load_state_dict(state)
    assert torch.equal(predict(other), predict(model))


def test_random_weights_are_saved_whole_even_if_they_are_frozen():
    settings = {"architecture": architecture(), "freeze": True}
    model, other = pgf_net(**settings), pgf_net(**settings, seed=9)
    other.load_state_dict(through_a_file(model.state_dict()))
    assert torch.equal(predict(other), predict(model))


def test_weights_that_are_frozen_for_a_while_are_saved(encoder):
    model = pgf_net(encoder)
    before = set(model.state_dict())
    model.requires_grad_(False)
    assert set(model.state_dict()) == before


def test_weights_that_are_unfrozen_later_are_saved(encoder):
    model = pgf_net(encoder)
    model.encoder.requires_grad_(True)
    perturbed(model)
    other = pgf_net(encoder, seed=9, freeze=False)
    other.load_state_dict(through_a_file(model.state_dict()))
    assert torch.equal(predict(other), predict(model))


def test_weights_that_trained_and_are_frozen_again_are_saved(encoder):
    model = pgf_net(encoder)
    model.encoder.requires_grad_(True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()(random_inputs(tokens=True)).prediction.sum().backward()
    optimizer.step()
    model.encoder.requires_grad_(False)
    state = through_a_file(model.state_dict())
    resumed = pgf_net(encoder, seed=9)
    resumed.encoder.requires_grad_(True)  # as a config builds it
    resumed.load_state_dict(state)
    resumed.encoder.requires_grad_(False)
    assert torch.equal(predict(resumed), predict(model))
    assert own_keys(resumed.state_dict()) == own_keys(state) != []


# --- in again -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_predictions_are_the_same_to_the_last_bit(family, tmp_path):
    name = save_encoder(tmp_path / "encoder", family)
    model, other = pgf_net(name), pgf_net(name, seed=9)
    assert not torch.equal(predict(other), predict(model))
    state = through_a_file(model.state_dict())
    assert not own_keys(state)
    other.load_state_dict(state)
    assert torch.equal(predict(other), predict(model))


def test_the_same_weights_in_another_place_are_the_same_encoder(encoder, tmp_path):
    moved = shutil.copytree(encoder, tmp_path / "moved")
    model, other = pgf_net(encoder), pgf_net(str(moved), seed=9)
    other.load_state_dict(model.state_dict())
    assert torch.equal(predict(other), predict(model))


def test_an_encoder_that_trains_on_goes_on_from_the_frozen_one(encoder):
    model, other = pgf_net(encoder), pgf_net(encoder, seed=9)
    trainable = pgf_net(encoder, freeze=False, moved=False)
    trainable.load_state_dict(model.state_dict())
    assert torch.equal(predict(trainable), predict(model))
    with pytest.raises(ValueError, match="trained on another encoder"):
        perturbed(trainable).load_state_dict(other.state_dict())


def test_a_copy_saves_and_loads_by_itself(encoder):
    model = pgf_net(encoder)
    other = copy.deepcopy(model)
    perturbed(other)
    assert set(other.state_dict()) == set(model.state_dict())
    expected = predict(other)
    model.load_state_dict(other.state_dict())
    assert torch.equal(predict(model), expected)


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stock", [False, True])
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"seed": 1}, "hidden_size 16"),
        ({"vocab_size": VOCABULARY + 1}, "vocab_size 41"),
        ({"num_attention_heads": 4}, "num_attention_heads 4"),
        ({"family": "roberta"}, "roberta"),
    ],
    ids=str,
)
def test_another_encoder_is_refused_and_both_are_named(encoder, tmp_path, stock, settings, told):
    state = pgf_net(encoder).state_dict()
    other = pgf_net(save_encoder(tmp_path / "other", **settings))
    before = predict(other)
    file = tmp_path / "weights.pth"
    torch.save({"state_dict": state}, file)
    with pytest.raises(ValueError, match="trained on another encoder") as caught:
        load_checkpoint(other, str(file)) if stock else other.load_state_dict(state)
    message = str(caught.value)
    for identity in (EncoderIdentity.from_tensor(state[KEY]), other.encoder.identity):
        assert repr(identity.name) in message
        assert identity.weights[:19] in message
    assert told in message
    assert "--encoder" in message
    assert torch.equal(predict(other), before)


def test_weights_of_a_pretrained_encoder_do_not_fit_a_random_one(encoder):
    with pytest.raises(ValueError, match=r"theirs: .*encoder.*\n.*here: +'without a name'"):
        pgf_net(architecture=architecture()).load_state_dict(pgf_net(encoder).state_dict())


@pytest.mark.parametrize("named", [True, False])
def test_trained_weights_do_not_replace_frozen_ones(encoder, named):
    state = pgf_net(encoder, freeze=False).state_dict()
    model = pgf_net(encoder)
    if not named:
        del state[KEY]
    with pytest.raises(ValueError, match=r"differ from the frozen ones of .*freeze=False"):
        model.load_state_dict(state)


def test_a_whole_file_that_names_no_encoder_is_compared_by_its_weights(encoder):
    model, other = pgf_net(encoder), pgf_net(encoder, seed=9)
    whole = {**dict(model.named_parameters()), **model.state_dict()}
    del whole[KEY]
    other.load_state_dict(whole)
    assert torch.equal(predict(other), predict(model))
    pgf_net(encoder, freeze=False).load_state_dict(whole)


def test_a_small_file_that_names_no_encoder_lacks_the_weights(encoder):
    state = pgf_net(encoder).state_dict()
    del state[KEY]
    with pytest.raises(RuntimeError, match=r"Missing key.*word_embeddings"):
        pgf_net(encoder).load_state_dict(state)


def test_other_lora_is_told_by_its_keys(encoder):
    state = pgf_net(encoder).state_dict()
    with pytest.raises(RuntimeError, match=r"size mismatch for \S*lora_A"):
        pgf_net(encoder, lora_rank=3).load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"Unexpected key\S* in state_dict: \S*lora_A"):
        pgf_net(encoder, lora_rank=None).load_state_dict(state)


def written(**changes):
    identity = {"name": "x", "architecture": {"model_type": "bert"}, "weights": None}
    return json.dumps({"schema": 1, **identity, **changes}).encode()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "does not say which encoder"),
        (b"\xff\x00", "does not say which encoder"),
        (b"[1]", "does not say which encoder"),
        (b"[" * 100_000, "does not say which encoder"),
        (b'{"schema": 1}', "does not say which encoder"),
        (written(name=3), "does not say which encoder"),
        (written(architecture=[1]), "does not say which encoder"),
        (written(architecture={"model_type": 3}), "does not say which encoder"),
        (written(surplus=1), "does not say which encoder"),
        (written(schema=2), "schema 2"),
        ("text", "does not say which encoder"),
        (torch.tensor([300]), "does not say which encoder"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_identity_that_is_none(encoder, content, told):
    if isinstance(content, bytes):
        content = torch.tensor(list(content), dtype=torch.uint8)
    model = pgf_net(encoder)
    with pytest.raises(ValueError, match=told):
        model.load_state_dict({**model.state_dict(), KEY: content})


@pytest.mark.parametrize("name", [None, "google-bert/bert-base-uncased", "Ünïcode/模型"])
def test_an_identity_is_read_back(name):
    identity = EncoderIdentity(name, {"model_type": "bert", "hidden_size": 16}, "sha256:0")
    assert EncoderIdentity.from_tensor(identity.to_tensor()) == identity


# --- the stock Runner -----------------------------------------------------------------------------


def synthetic_loader() -> DataLoader:
    random = np.random.default_rng(0)
    samples = [
        {
            "sample_id": f"synthetic_{row}",
            "raw_text": "",
            "label": random.uniform(-3, 3, 1).astype(np.float32),
            "input_ids": random.integers(5, VOCABULARY, 3 + row % 3),
            "pad_token_id": 0,
            "audio": random.normal(size=(2 + row % 3, DIMS["audio"])).astype(np.float32),
        }
        for row in range(8)
    ]
    return DataLoader(samples, batch_size=4, collate_fn=msa_collate)


def make_runner(folder: Path, encoder: str, epochs: int, hooks=(), **overrides) -> Runner:
    return Runner(
        model={
            "type": "PGFNet",
            "encoder": {
                "type": "HFTextEncoder",
                "pretrained": encoder,
                "lora_rank": 2,
                "lora_dropout": 0.0,
                "dropout": 0.0,
            },
            "feature_dims": {"audio": DIMS["audio"]},
            "head": {"type": "MSARegressionHead", "dropout": 0.0},
        },
        work_dir=str(folder),
        experiment_name=str(folder),
        default_scope="pgf_plugin",
        train_dataloader=synthetic_loader(),
        val_dataloader=synthetic_loader(),
        val_evaluator={"type": "MSAMetric"},
        val_cfg={},
        optim_wrapper={"optimizer": {"type": "AdamW", "lr": 0.02}},
        train_cfg={"by_epoch": True, "max_epochs": epochs},
        default_hooks={
            "checkpoint": {"type": "CheckpointHook", "save_best": "MAE", "rule": "less"},
        },
        custom_hooks=list(hooks),
        randomness={"seed": 0},
        log_level="ERROR",
        **overrides,
    )


EMA = {"type": "EMAHook", "momentum": 0.3, "begin_iter": 2}


@pytest.mark.parametrize("hooks", [(), (EMA,)], ids=["plain", "EMA"])
def test_a_stock_runner_saves_small_files_and_resumes_exactly(encoder, tmp_path, hooks):
    whole = make_runner(tmp_path / "whole", encoder, 4, hooks)
    whole.train()
    make_runner(tmp_path / "part", encoder, 2, hooks).train()
    checkpoint = tmp_path / "part" / "epoch_2.pth"
    content = torch.load(checkpoint, weights_only=True)
    assert not own_keys(content["state_dict"])
    assert not [key for key in content.get("ema_state_dict", ()) if "word_embeddings" in key]

    resumed = make_runner(
        tmp_path / "rest", encoder, 4, hooks, load_from=str(checkpoint), resume=True
    )
    resumed.train()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value), name
    final = torch.load(tmp_path / "rest" / "epoch_4.pth", weights_only=True)
    expected = torch.load(tmp_path / "whole" / "epoch_4.pth", weights_only=True)
    for name, value in expected["state_dict"].items():
        assert torch.equal(final["state_dict"][name], value), name


def test_the_best_weights_hold_no_optimizer_and_load_into_a_stock_runner(encoder, tmp_path):
    runner = make_runner(tmp_path / "run", encoder, 2)
    runner.train()
    (best,) = (tmp_path / "run").glob("best_*.pth")
    content = torch.load(best, weights_only=True)
    assert set(content) == {"meta", "state_dict", "message_hub"}
    tester = make_runner(tmp_path / "test", encoder, 2)
    tester.load_checkpoint(str(best), strict=True)
    loaded = tester.model.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in content["state_dict"].items())

    stranger = make_runner(
        tmp_path / "stranger", save_encoder(tmp_path / "other", seed=1), 2, load_from=str(best)
    )
    with pytest.raises(ValueError, match="trained on another encoder"):
        stranger.train()


def test_an_encoder_alone_is_saved_by_what_lora_adds(encoder):
    lora, plain = HFTextEncoder(encoder, lora_rank=2), HFTextEncoder(encoder)
    assert all("lora_" in key or key == "_extra_state" for key in lora.state_dict())
    assert list(plain.state_dict()) == ["_extra_state"]
    plain.load_state_dict(plain.state_dict())

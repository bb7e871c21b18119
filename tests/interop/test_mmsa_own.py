"""``MMSAModel``: MMSA's own modules give what they give in MMSA, and what is refused."""

import copy
import pickle
import sys

import numpy as np
import pytest
import torch
from conftest import BATCH, DIMS, LENGTHS, mmsa_model, random_batch
from mmengine.runner import Runner
from test_mmsa_models import assert_same, samples

from pgf_plugin.config import load_config
from pgf_plugin.errors import MissingExtraError
from pgf_plugin.models.build import build_module

NAMES = ("ef_lstm", "lf_dnn", "mfn", "graph_mfn")
AVERAGED = ("lf_dnn", "mfn")
"""Models that MMSA's loader feeds the averages of audio and vision."""

TEXT, AUDIO, VISION = DIMS
every_name = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def mmsa():
    pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")


def build(name, lengths=LENGTHS["aligned"], **settings):
    config = dict(
        type="MMSAModel",
        name=name,
        encoder=dict(type="PrecomputedTextEncoder", in_features=TEXT),
        feature_dims=dict(audio=AUDIO, vision=VISION),
        seq_lens=dict(zip(("text", "audio", "vision"), lengths, strict=True)),
    )
    torch.manual_seed(2)
    return build_module({**config, **settings})


def reference(name, lengths):
    """MMSA's model as its loader would have it built."""
    fed = (lengths[0], 1, 1) if name in AVERAGED else lengths
    return mmsa_model(name, bert="", seq_lens=list(fed))


def batch_of(lengths, seed=0, batch=BATCH):
    found = random_batch(lengths, seed, batch)
    text = torch.randn(batch, lengths[0], TEXT, generator=torch.Generator().manual_seed(seed))
    found["text"] = text * found["attention_mask"].unsqueeze(-1)
    return found


def run(model, name, batch):
    """What MMSA computes from the batch, as its loader gives it."""
    audio, vision = batch["audio"], batch["vision"]
    if name in AVERAGED:
        audio, vision = (values.mean(dim=1, keepdim=True) for values in (audio, vision))
    return model(batch["text"], audio, vision)


def share(ours, theirs, name):
    """Give both sides the same weights."""
    ours.network.load_state_dict(theirs.state_dict())
    if name == "graph_mfn":
        for key, node in theirs.Model.graph_mfn.networks.items():
            mine = "_".join(("text", "audio", "vision")[place] for place in key)
            ours.graph_networks[mine].load_state_dict(node.state_dict())


@every_name
def test_predictions_equal(name, lengths):
    theirs, ours = reference(name, lengths).eval(), build(name, lengths).eval()
    share(ours, theirs, name)
    for seed in range(2):
        batch = batch_of(lengths, seed)
        with torch.no_grad():
            assert_same(ours(batch).prediction, run(theirs, name, batch)["M"])


@every_name
def test_training_equals_with_its_dropout(name, lengths):
    theirs, ours = reference(name, lengths).train(), build(name, lengths).train()
    share(ours, theirs, name)
    batch = batch_of(lengths)
    torch.manual_seed(0)
    loss = torch.nn.functional.l1_loss(run(theirs, name, batch)["M"], batch["label"])
    loss.backward()
    torch.manual_seed(0)
    losses = ours(batch, samples(batch), mode="loss")
    assert losses.keys() == {"loss_task"}
    losses["loss_task"].backward()
    assert_same(losses["loss_task"], loss)
    mine = dict(ours.network.named_parameters())
    for key, parameter in theirs.named_parameters():
        assert_same(mine[key].grad, parameter.grad)
    trained = sum(p.numel() for p in ours.parameters() if p.requires_grad)
    assert trained == sum(p.numel() for p in theirs.parameters())


@every_name
def test_a_batch_of_one_equals_and_trains(name, lengths):
    theirs, ours = reference(name, lengths).eval(), build(name, lengths).eval()
    share(ours, theirs, name)
    batch = batch_of(lengths, batch=1)
    with torch.no_grad():
        assert_same(ours(batch).prediction.squeeze(0), run(theirs, name, batch)["M"].reshape(1))
    before = {key: value.clone() for key, value in ours.state_dict().items() if "running" in key}
    ours.train()(batch, samples(batch), mode="loss")["loss_task"].backward()
    assert all(p.grad.isfinite().all() for p in ours.parameters() if p.requires_grad)
    if name == "lf_dnn":  # one value a feature has no variance: the statistics stay
        assert all(torch.equal(ours.state_dict()[key], value) for key, value in before.items())


def test_the_features_of_lf_dnn_are_named():
    lengths = LENGTHS["unaligned"]
    theirs, ours = reference("lf_dnn", lengths).eval(), build("lf_dnn", lengths).eval()
    share(ours, theirs, "lf_dnn")
    batch = batch_of(lengths)
    expected = run(theirs, "lf_dnn", batch)
    features = ours(batch, outputs=["modality_features"]).modality_features
    assert list(features) == ["text", "audio", "vision"]
    for modality, letter in {"text": "t", "audio": "a", "vision": "v"}.items():
        assert_same(features[modality], expected[f"Feature_{letter}"])
    with pytest.raises(ValueError, match="outputs of MMSAModel must be empty"):
        build("mfn")(batch_of(LENGTHS["aligned"]), outputs=["modality_features"])


@every_name
def test_longer_and_shorter_batches_mean_the_same(name):
    model = build(name, (12, 40, 30)).eval()
    batch = batch_of((9, 20, 20))
    longer = {
        key: torch.nn.functional.pad(value, (0, 0, 0, 60) if value.ndim == 3 else (0, 60))
        for key, value in batch.items()
        if key != "label"
    }
    with torch.no_grad():
        assert_same(model(longer).prediction, model(batch).prediction)


def test_the_graph_of_graph_mfn_is_saved_and_trains_where_asked():
    theirs = reference("graph_mfn", LENGTHS["aligned"])
    assert not [key for key in theirs.state_dict() if "networks" in key], "MMSA saves them now"
    model = build("graph_mfn")
    assert not any(p.requires_grad for p in model.graph_networks.parameters())
    other = build("graph_mfn", train_graph=True)
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    batch = batch_of(LENGTHS["aligned"])
    model.load_state_dict(other.state_dict())
    assert torch.equal(model.eval()(batch).prediction, other.eval()(batch).prediction)
    other(batch).prediction.sum().backward()
    assert all(p.grad.any() for p in other.graph_networks.parameters())
    with pytest.raises(ValueError, match=r"train_graph is for name='graph_mfn', got True for 'mfn"):
        build("mfn", train_graph=True)


@pytest.mark.parametrize("name", ["mfn", "graph_mfn"])
def test_a_model_is_copied_after_a_step_of_training(name):
    model = build(name).train()
    batch = batch_of(LENGTHS["aligned"])
    model(batch, samples(batch), mode="loss")["loss_task"].backward()
    twin = copy.deepcopy(model.eval())
    assert torch.equal(twin(batch).prediction, model(batch).prediction)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    assert not torch.equal(twin(batch).prediction, model(batch).prediction)


@every_name
def test_the_settings_are_mmsas_unless_changed(name):
    path = f"mmsa/{name}_mosi"
    model = build_module(load_config(path).model)
    assert model.seq_lens["audio"] == (500 if name == "lf_dnn" else 50)
    assert build(name, dataset="sims", seq_lens=None).seq_lens == dict(
        text=39, audio=400, vision=55
    )
    hidden = 6 if name == "ef_lstm" else [6, 4, 5]
    small = build(name, settings=dict(hidden_dims=hidden), out_features=3)
    batch = batch_of(LENGTHS["aligned"])
    assert small(batch).prediction.shape == (BATCH, 3)
    sizes = [sum(p.numel() for p in side.parameters()) for side in (small, model)]
    assert sizes[0] < sizes[1]


@every_name
def test_the_configs_train_on_mmsas_files(name, tmp_path):
    cfg = load_config(f"mmsa/{name}_mosi")
    write_feature_file(tmp_path / cfg.train_dataloader.dataset.data_file)
    for key in ("train_dataloader", "val_dataloader", "test_dataloader"):
        cfg[key].dataset.data_root = str(tmp_path)
        cfg[key].collate_fn = dict(type="msa_collate")
    cfg.model.encoder.in_features = 8
    cfg.model.seq_lens = 6
    cfg.work_dir, cfg.train_cfg.max_epochs = str(tmp_path / "run"), 1
    runner = Runner.from_cfg(cfg)
    before = {key: value.clone() for key, value in runner.model.named_parameters()}
    runner.train()
    after = dict(runner.model.named_parameters())
    for key, parameter in after.items():
        assert torch.equal(parameter, before[key]) is not parameter.requires_grad, key
    assert runner.test()["MAE"] > 0


def write_feature_file(path):
    """A file in MMSA's layout, whose sequences are all real."""
    random = np.random.default_rng(0)
    widths = dict(text=8, audio=AUDIO, vision=VISION)
    splits = {
        split: {
            "id": [f"{split}$_${row}" for row in range(6)],
            "raw_text": ["words"] * 6,
            "regression_labels": random.uniform(2, 3, 6),  # errors of one sign: no gradient cancels
            **{key: random.normal(size=(6, 7, width)) for key, width in widths.items()},
        }
        for split in ("train", "valid", "test")
    }
    path.write_bytes(pickle.dumps(splits))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mult", "type='MulT'"),
        ("misa", "type='MISA'"),
        ("tfn", "type='TFN'"),
        ("lmf", "type='LMF'"),
        ("self_mm", "type='SelfMM'"),
        ("bert_mag", "type='MAGBert'"),
        ("mctn", "translating one modality"),
        ("mfm", "generating every modality"),
        ("mmim", "bounds of mutual information"),
        ("mtfn", "labels of single modalities"),
        ("mlmf", "labels of single modalities"),
        ("mlf_dnn", "labels of single modalities"),
        ("tfr_net", "generating features that its loader has removed"),
        ("graphmfn", "Did you mean 'graph_mfn'"),
    ],
)
def test_other_models_are_refused_with_the_reason(name, reason):
    with pytest.raises(ValueError, match=rf"^name (is|must be).*'{name}'.*{reason}"):
        build(name)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(feature_dims=dict(audio=5)), r"feature_dims must name audio.*without vision"),
        (dict(feature_dims={}), r"without audio and vision"),
        (dict(dataset="mosii"), r"dataset must be one of .*Did you mean 'mosi'"),
        (dict(settings=dict(batch_size=3)), r"set train_dataloader.batch_size"),
        (dict(settings=dict(memsiz=3)), r"a key of settings must be .*Did you mean 'memsize'"),
        (dict(settings=dict(hidden_dims=[1, 2])), r"settings: MMSA cannot build 'mfn' with .*1, 2"),
        (dict(seq_lens=dict(text=5, audio=0, vision=3)), r"seq_lens\.audio must be .*got 0"),
        (dict(seq_lens=dict(text=5)), r"seq_lens .*without \['audio', 'vision'\]"),
        (dict(out_features=0), r"out_features must be .*got 0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_bad_setting_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        build("mfn", **settings)


def test_without_mmsa_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "MMSA", None)
    with pytest.raises(MissingExtraError, match=r'pip install "pgf-plugin\[mmsa\]"'):
        build("mfn")

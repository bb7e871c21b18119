"""What PGFWrapper and HFModel refuse, and what they say."""

import pytest
from random_batch import DIMS, random_inputs
from wrapped import ADAPTED, IMAGE, TEXT, TheirModel, TorchNet, TupleNet, build, inputs_for

from pgf_plugin.config import check_config

PLAIN = {"type": "PGFWrapper", "layers": "stack.*", "feature_dims": DIMS, "hidden_size": 6}


def lora(**settings):
    return {"lora": {"targets": "**.query", **settings}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"layers": "encoder.layer.*"},
            r"Did you mean 'bert\.encoder\.layer\.0'.*Stacks of layers: 'bert\.encoder\.layer\.\*' "
            r"\(3 BertLayer\)",
        ),
        ({"layers": "bert.encoder.layer"}, r"is a list of modules, not a layer: write 'bert\.enc"),
        ({"feature_dims": {"audio": 0}}, r"feature_dims\.audio must be an integer >= 1, got 0"),
        ({"bank_inputs": {"adio": "x"}}, r"a key of bank_inputs must be one of .*Did you mean 'au"),
        ({"bank_inputs": {"audio": ("x",)}}, r"bank_inputs\.audio must be the name of an entry"),
        ({"lora": {"rank": 2}}, r"lora needs targets.*Stacks of layers"),
        (lora(rnk=2), "a key of lora must be one of .*Did you mean 'rank'"),
        (lora(rank=0), r"lora\.rank must be an integer >= 1, got 0"),
        (lora(dropout=1), r"lora\.dropout must be a number in \[0, 1\)"),
        (lora(targets="**.LayerNorm"), r"lora\.targets.*The linear maps are such as 'bert\.enc"),
        (lora(targets=[]), r"lora\.targets must name at least one linear map"),
        ({"head": "classifer.*"}, r"head: 'classifer\.\*' matches none.*Did you mean 'classifier"),
        ({"freeze": False, "trainable": "bert.pooler.**"}, "with freeze=False, which trains all"),
        ({"freeze": "yes"}, "freeze must be True or False"),
    ],
    ids=str,
)
def test_a_config_that_cannot_be_is_told_by_the_constructor_and_by_check(changes, message):
    with pytest.raises(ValueError, match=message):
        build(TEXT, **changes)
    (problem, *_) = check_config({"model": {**TEXT, **changes}})
    assert problem.key.startswith("model")


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("layers", {"layers": "stack.layers.*.self_attn.*"}),
        ("layers", {"layers": "**.out_proj"}),
        (
            r"lora\.targets",
            {"layers": [], "lora": {"targets": "stack.layers.*.self_attn.out_proj"}},
        ),
        (r"lora\.targets", {"layers": [], "lora": {"targets": "stack.**"}}),
    ],
    ids=str,
)
def test_parts_that_torch_reads_and_does_not_call(key, changes):
    parts = r"'stack\.layers\.0\.self_attn\.out_proj', 'stack\.layers\.1\.self_attn\.out_proj'"
    with pytest.raises(ValueError, match=rf"^{key}: nn.MultiheadAttention reads .* of {parts} and"):
        build(PLAIN, model=TorchNet(), **changes)


@pytest.mark.parametrize("config", [ADAPTED, IMAGE], ids=["text", "image"])
def test_check_finds_nothing_wrong_with_a_good_one(config):
    assert check_config({"model": config}) == []
    (problem,) = check_config({"model": {**config, "block": {"type": "PGFBlok"}}})
    assert (problem.key, "PGFBlock" in problem.message) == ("model.block.type", True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"auto_class": "AutoModelForSequenceClasification"}, "Did you mean 'AutoModelForSequence"),
        ({"num_labels": 0}, "num_labels must be an integer >= 1"),
        ({"architecture": None}, "give pretrained .* or architecture"),
        ({"architecture": {"hidden_size": 8}}, "architecture needs 'model_type'"),
    ],
    ids=str,
)
def test_a_hugging_face_model_that_cannot_be_built(changes, message):
    with pytest.raises(ValueError, match=message):
        build(TEXT, model={**TEXT["model"], **changes})


def test_weights_that_lack_a_part_of_the_pretrained_model_are_refused(tmp_path):
    model = {**TEXT["model"], "pretrained": str(tmp_path)}
    whole = build(TEXT).model
    whole.bert.save_pretrained(tmp_path)  # without the head, which then starts at random
    assert build(TEXT, model=model).model.classifier.out_features == 1
    whole.bert.pooler = None
    whole.bert.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"2 weights of BertFor.* not in its file, .*bert\.pooler"):
        build(TEXT, model=model)


@pytest.mark.parametrize("missing", ["audio", "audio_mask", "input_ids"])
def test_a_batch_that_lacks_an_entry(missing):
    inputs = {key: value for key, value in inputs_for(TEXT).items() if key != missing}
    if missing == "input_ids":
        model = build(TEXT, model_inputs={"input_ids": "input_ids"})
        told = r"model_inputs\.input_ids names 'input_ids', which the batch lacks"
    else:
        model = build(TEXT)
        told = rf"bank_inputs\.audio names '{missing}', which the batch lacks: it has .*None\)"
    with pytest.raises(ValueError, match=told):
        model(inputs)


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        (TupleNet(), {}, r"prediction_key='logits' is not in what TupleNet returns, tuple"),
        (TupleNet(), {"prediction_key": 0}, r"scores of TupleNet must be \(B, n_out\), got \(4, 8"),
        (TupleNet(list), {}, r"'stack\.0' of TupleNet returns a tensor of shape \(4, 1, 8, 6\)"),
        (TupleNet(dict), {}, r"'stack\.0' of TupleNet returns dict, and a block takes states"),
        (TupleNet(), {"hidden_size": 5}, r"returns a tensor of shape \(4, 8, 6\).*\(B, L, 5\)"),
    ],
    ids=str,
)
def test_what_a_layer_or_the_model_returns_that_is_of_no_use(model, changes, message):
    with pytest.raises(ValueError, match=message):
        build(PLAIN, model=model, **changes)(random_inputs())


def test_a_model_that_names_none_of_the_batch_or_no_width():
    with pytest.raises(ValueError, match=r"model_inputs: .*\['text', 'audio'\].*dict\(text='image"):
        build(PLAIN, model=TupleNet(), feature_dims={"vision": 7})(
            {key: value for key, value in random_inputs().items() if key.startswith("vision")}
        )
    with pytest.raises(ValueError, match="hidden_size: TupleNet does not say how wide"):
        build(PLAIN, model=TupleNet(), hidden_size=None)


def test_a_loss_for_a_model_that_has_its_own():
    with pytest.raises(ValueError, match="loss is for a plain module: TheirModel"):
        build(PLAIN, model=TheirModel(), layers="net.stack.*", loss={"type": "MSARegressionLoss"})


def test_a_bank_of_other_samples_than_the_states():
    inputs = random_inputs()
    with pytest.raises(ValueError, match="states of 4 samples, and the bank has 2"):
        build(PLAIN, model=TupleNet())(
            {key: value[:2] if key != "text" else value for key, value in inputs.items()}
        )

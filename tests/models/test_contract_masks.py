"""What every model promises about masks and modalities.

Models that compute as their reference does are another matter: see ``test_contract_configs.py``.
"""

import pytest
import torch
from contract import (
    FEATURES,
    INSIDE_THE_ENCODER,
    LAYERED,
    TOKENS,
    TOKENS_ALONE,
    batch,
    build,
    close,
    every_model,
    parametrize,
    predict,
    represent,
    train_step,
    type_of,
)
from random_batch import DIMS, LENGTHS, NO_STEPS, select


@parametrize(texts=True, every_subset=True)
def test_padding_does_not_matter(name, encoder, feature_dims):
    model = build(name, feature_dims, encoder)
    plain = represent(model, batch(encoder=encoder))
    for garbage in (50.0, float("nan")):
        padded = batch(encoder=encoder, extra=9, padding=garbage, padding_id=7)
        close(represent(model, padded), plain)


@parametrize(texts=True, every_subset=True)
def test_the_rest_of_the_batch_and_its_order_do_not_matter(name, encoder, feature_dims):
    model, inputs = build(name, feature_dims, encoder), batch(NO_STEPS, encoder=encoder)
    whole = represent(model, inputs)
    alone = torch.cat([represent(model, select(inputs, [row])) for row in range(4)])
    close(alone, whole)
    order = [2, 0, 3, 1]
    close(represent(model, select(inputs, order)), whole[order])


@pytest.mark.parametrize(
    "lengths", [NO_STEPS, {**LENGTHS, **dict.fromkeys(DIMS, [0] * 4)}], ids=["some", "all"]
)
@parametrize(texts=True)
def test_samples_without_a_real_step_train_and_stay_finite(name, encoder, lengths):
    if encoder is not TOKENS:  # a tokenizer, unlike an extractor, gives no text without tokens
        lengths = {**lengths, "text": [0, 3, 8, 1]}
    model = build(name, encoder=encoder)
    losses = train_step(model, batch(lengths, encoder=encoder))
    assert all(loss.isfinite() for loss in losses.values())
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key


@every_model
def test_a_batch_without_any_step_of_text_trains(name):
    encoder = LAYERED if type_of(name) in INSIDE_THE_ENCODER else FEATURES
    if type_of(name) in TOKENS_ALONE:
        pytest.skip("a tokenizer gives no text without tokens")
    model = build(name, encoder=encoder)
    losses = train_step(model, batch({**LENGTHS, "text": [0] * 4}, encoder=encoder))
    assert all(loss.isfinite() for loss in losses.values())
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@parametrize(every_subset=True)
def test_no_more_of_the_batch_is_read_than_feature_dims_names(name, feature_dims):
    model, inputs = build(name, feature_dims), batch()
    kept = ("input_ids", "attention_mask", *feature_dims, *(f"{m}_mask" for m in feature_dims))
    without = {key: inputs[key] for key in kept}
    assert torch.equal(predict(model, without), predict(model, inputs))


@parametrize(texts=True)
def test_every_modality_in_use_reaches_the_prediction(name, encoder):
    model, inputs = build(name, encoder=encoder), batch(encoder=encoder)
    plain = predict(model, inputs)
    for modality in ("text", *model.feature_dims):
        key = "input_ids" if modality == "text" and encoder is TOKENS else modality
        moved = {**inputs, key: inputs[key].flip(0)}
        assert not torch.isclose(predict(model, moved), plain, atol=1e-4).all(), modality


@pytest.mark.parametrize("name", sorted(INSIDE_THE_ENCODER))
def test_precomputed_text_is_refused_with_the_way_out(name):
    with pytest.raises(ValueError, match="HFTextEncoder"):
        build(name, encoder=FEATURES)

"""MAG-BERT and Self-MM against MMSA's, on the same weights and batches."""

import pytest
import torch
from conftest import let_mag_bert_load, mmsa_inputs, mmsa_model, mmsa_settings, random_batch
from test_mmsa_models import assert_same, build, samples

from pgf_plugin.interop.mmsa import convert_state_dict
from pgf_plugin.models.label_bank import UnimodalLabelBank

ALIGNED = (12, 12, 12)


def assert_gradients_equal(name, ours, theirs):
    """Gradients of both sides, after their losses went backward."""
    gradients = {
        key: torch.zeros_like(value) if value.grad is None else value.grad
        for key, value in theirs.named_parameters()
    }
    converted = convert_state_dict(name, gradients)
    for key, value in ours.named_parameters():
        if value.grad is not None:
            assert_same(value.grad, converted[key])
        else:
            assert not converted[key].any(), key


def test_mag_bert_equals_mmsas(bert, monkeypatch):
    let_mag_bert_load(monkeypatch, bert)
    theirs = mmsa_model("bert_mag", bert, language="en", seq_lens=ALIGNED).eval()
    ours = build("bert_mag", bert).eval()
    ours.load_state_dict(convert_state_dict("bert_mag", theirs.state_dict()))
    for seed in range(2):
        batch = random_batch(ALIGNED, seed)
        reference = theirs(*mmsa_inputs(batch))["M"]
        assert_same(ours(batch).prediction, reference)
    torch.nn.functional.l1_loss(reference, batch["label"]).backward()
    losses = ours(batch, samples(batch), mode="loss")
    sum(losses.values()).backward()
    assert_gradients_equal("bert_mag", ours, theirs)


def mmsa_lengths(batch):
    return [batch[f"{side}_mask"].sum(dim=1) for side in ("audio", "vision")]


def test_self_mm_equals_mmsas(bert, lengths):
    theirs = mmsa_model("self_mm", bert).eval()
    ours = build("self_mm", bert).eval()
    ours.load_state_dict(convert_state_dict("self_mm", theirs.state_dict()))
    batch = random_batch(lengths)
    text, audio, vision = mmsa_inputs(batch)
    audio_lengths, vision_lengths = mmsa_lengths(batch)
    reference = theirs(text, (audio, audio_lengths), (vision, vision_lengths))
    output = ours(batch, outputs=["modality_features"])
    assert_same(output.prediction, reference["M"])
    for name, letter in {"text": "t", "audio": "a", "vision": "v"}.items():
        assert_same(output.modality_features[name], reference[f"Feature_{letter}"])
        score = ours.unimodal_heads[name](output.modality_features[name])
        assert_same(score, reference[letter.upper()])
    reference["M"].sum().backward()
    output.prediction.sum().backward()
    assert_gradients_equal("self_mm", ours, theirs)


def test_labels_of_modalities_move_as_in_mmsa(bert):
    from MMSA.trains import multiTask

    samples, size = 24, 8
    settings = mmsa_settings("self_mm", bert, train_samples=samples)
    trainer = multiTask.SELF_MM(settings)
    widths = dict(fusion=128, text=32, audio=16, vision=32)
    bank = UnimodalLabelBank(widths, bound=settings.H)
    random = torch.Generator().manual_seed(0)
    truth = torch.empty(samples).uniform_(-3, 3, generator=random)
    truth[3] = 0
    trainer.init_labels(torch.arange(samples), truth)
    for epoch in range(1, 5):
        for rows in torch.randperm(samples, generator=random).split(size):
            features = {
                name: torch.randn(size, width, generator=random) for name, width in widths.items()
            }
            mine = bank.find([str(row) for row in rows.tolist()], truth[rows])
            for name in ("text", "audio", "vision"):
                scores = torch.randn(size, 1, generator=random)
                error = (scores.squeeze(1) - bank.labels_of(name, mine)).abs()
                loss = (bank.weights_of(name, mine) * error).mean()
                label = trainer.label_map[name][rows]
                assert_same(loss, trainer.weighted_loss(scores, label, rows, mode=name))
            if epoch > 1:
                trainer.update_labels(*features.values(), epoch, rows, None)
            trainer.update_features(*features.values(), rows)
            trainer.update_centers()
            bank.visit(mine, features)
    for name in widths:
        place = bank.find([str(row) for row in range(samples)], truth)
        assert_same(bank.labels_of(name, place), trainer.label_map[name])
    assert not torch.equal(trainer.label_map["text"], truth)


def test_the_bank_lives_in_the_checkpoint(bert):
    model = build("self_mm", bert).train()
    batch = random_batch(ALIGNED)
    for _ in range(3):
        model(batch, samples(batch), mode="loss")
    again = build("self_mm", bert).train()
    again.load_state_dict(model.state_dict())
    assert again.bank.rows == model.bank.rows == {str(n): n for n in range(4)}
    assert torch.equal(again.bank.labels, model.bank.labels)
    assert (again.bank.visits == 3).all()
    for side in (model, again):
        torch.manual_seed(0)
        side.losses_now = side(batch, samples(batch), mode="loss")
    for key, value in model.losses_now.items():
        assert torch.equal(value, again.losses_now[key]), key


def test_samples_without_an_identifier_are_named(bert):
    model = build("self_mm", bert).train()
    batch = random_batch(ALIGNED)
    unnamed = samples(batch)
    del unnamed[1].sample_id
    with pytest.raises(ValueError, match=r"1 of 4 samples have no sample_id, by which SelfMM"):
        model(batch, unnamed, mode="loss")

"""Self-MM's labels of single modalities."""

from copy import deepcopy

import torch
from contract import batch, untrained
from random_batch import labelled
from torch import nn


def losses(model, sign):
    samples = labelled(4)
    for row, sample in enumerate(samples):
        sample.label = sign * (-1) ** row * sample.label
    return model(batch(), samples, mode="loss")


def test_samples_of_other_data_with_the_same_identifiers_begin_anew():
    model = untrained("SelfMM")
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    fresh = deepcopy(model)
    for _ in range(3):
        made = losses(model, 1)
    assert made["loss_audio"] > 0  # labels that have moved count
    expected, found = losses(fresh, -1), losses(model, -1)
    assert expected["loss_audio"] == 0
    torch.testing.assert_close(found, expected)

"""Random batches with known real lengths, for the tests of models."""

import torch
from torch import Tensor

from pgf_plugin.structures import MSADataSample

TEXT_DIM = 12
DIMS = {"audio": 5, "vision": 7}
LENGTHS = {"text": [6, 3, 8, 1], "audio": [9, 4, 1, 6], "vision": [2, 11, 5, 7]}


def random_inputs(
    lengths: dict[str, list[int]] = LENGTHS, extra: int = 0, padding: float = 0.0, seed: int = 0
) -> dict[str, Tensor]:
    """Precomputed text, audio and vision of the given real lengths.

    The real steps depend on ``seed`` and ``lengths`` alone: not on ``extra``, the padded steps
    beyond the longest sample, nor on ``padding``, the value that fills them.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = {}
    for name, steps in lengths.items():
        dim = {"text": TEXT_DIM, **DIMS}[name]
        longest = max(1, *steps) + extra
        values = torch.full((len(steps), longest, dim), padding)
        for row, length in enumerate(steps):
            values[row, :length] = torch.randn(length, dim, generator=generator)
        mask = torch.arange(longest) < torch.tensor(steps)[:, None]
        inputs[name] = values
        inputs["attention_mask" if name == "text" else f"{name}_mask"] = (
            mask.long() if name == "text" else mask
        )
    return inputs


def select(inputs: dict[str, Tensor], rows: list[int]) -> dict[str, Tensor]:
    """The given rows of a batch, padding left as it is."""
    return {name: value[rows] for name, value in inputs.items()}


def labelled(count: int, n_out: int = 1) -> list[MSADataSample]:
    """Data samples with spread labels, all above what an untrained model predicts.

    Errors of one sign: signs that cancel would leave the L1 loss no gradient in the last bias.
    """
    labels = torch.linspace(1.5, 3, count * n_out).reshape(count, n_out)
    return [
        MSADataSample(metainfo={"sample_id": str(row)}, label=label)
        for row, label in enumerate(labels)
    ]

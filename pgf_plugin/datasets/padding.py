"""What batches of sequences of different lengths cost in padding."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def padding_waste(
    batches: Iterable[Sequence[int]], lengths: Mapping[str, NDArray[np.int64]]
) -> dict[str, float]:
    """Padded steps divided by real steps, if every batch is padded to its own longest sample.

    Args:
        batches: indices of the samples of each batch.
        lengths: modality to the steps of each sample, (N,), as ``dataset.sequence_lengths`` gives.

    Returns:
        The ratio of each modality and, as ``'total'``, that of all steps together; 1 is no padding.
    """
    padded, real = dict.fromkeys(lengths, 0), dict.fromkeys(lengths, 0)
    for batch in batches:
        for name, values in lengths.items():
            chosen = values[list(batch)]
            padded[name] += len(chosen) * int(chosen.max())
            real[name] += int(chosen.sum())
    waste = {name: padded[name] / max(real[name], 1) for name in lengths}
    return {**waste, "total": sum(padded.values()) / max(sum(real.values()), 1)}

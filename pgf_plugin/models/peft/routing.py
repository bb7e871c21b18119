"""Routing: how much each of several experts has to say on a token."""

from torch import Tensor


def route(scores: Tensor, top_k: int | None = None) -> Tensor:
    """Weights from scores (…, E): they are not negative and sum to 1.

    Args:
        scores: one an expert; ``-inf`` leaves it out.
        top_k: experts that are kept, the others have weight 0; equal scores are kept together.
            None keeps all.
    """
    if top_k is not None:
        least = scores.topk(top_k, dim=-1).values[..., -1:]
        scores = scores.masked_fill(scores < least, float("-inf"))
    return scores.softmax(dim=-1)

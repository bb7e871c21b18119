"""Labels that are on another scale than the -3 to 3 of CMU-MOSI, which nobody may have said."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

OtherScale = Literal["sims", "classes", "positive"]

_ENOUGH = 20
"""Fewer labels may lie anywhere by chance."""

_MAX_CLASS = 10


def other_scale(labels: ArrayLike) -> OtherScale | None:
    """Tell another scale than -3 to 3 by labels (N,) or (N, 1) alone, of which NaN is none.

    Returns:
        ``'classes'`` for small whole numbers from 0, ``'positive'`` where no other label is
        negative, ``'sims'`` for those from -1 to 1; None for the scale of CMU-MOSI, and where there
        are too few to tell, or several columns.
    """
    known = np.asarray(labels, np.float64)
    several = known.size != len(known)
    known = known[np.isfinite(known)]
    if several or len(known) < _ENOUGH:
        return None
    low, high = known.min(), known.max()
    if low >= 0:
        return "classes" if high <= _MAX_CLASS and (known == known.round()).all() else "positive"
    return "sims" if low >= -1 and high <= 1 else None

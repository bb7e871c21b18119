"""Loads the weights of a checkpoint, all of them or none."""

import pickle
from pathlib import Path

from mmengine.runner import load_checkpoint
from torch import nn

from pgf_plugin.errors import DataError


def load_weights(model: nn.Module, checkpoint: Path) -> None:
    """Load a checkpoint into ``model``; nothing in the file is executed.

    Raises:
        DataError: if the file is no checkpoint, holds anything but tensors and plain values, or
            is of another model.
    """
    try:
        load_checkpoint(model, str(checkpoint), "cpu", strict=True, logger="silent")
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{checkpoint} is not loaded: it is no checkpoint, or it holds more than tensors and "
            f"plain values ({str(error).splitlines()[0]})"
        ) from error
    except (RuntimeError, KeyError, EOFError, TypeError) as error:
        raise DataError(f"{checkpoint} does not fit the model of the config: {error}") from error

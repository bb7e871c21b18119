"""Moves a batch to the model's device."""

from typing import Any

from mmengine.model import BaseDataPreprocessor

from pgf_plugin.registry import MODELS


@MODELS.register_module()
class MSADataPreprocessor(BaseDataPreprocessor):
    """Moves ``inputs`` to the model's device and leaves ``data_samples`` where they are.

    Labels stay on the host until a loss stacks them: one transfer a batch instead of one a sample.

    Args:
        non_blocking: whether transfers from pinned memory are asynchronous.
    """

    def __init__(self, non_blocking: bool = True) -> None:
        super().__init__(non_blocking=non_blocking)

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Return ``data`` with its ``inputs`` on the model's device."""
        return {**data, "inputs": self.cast_data(data["inputs"])}

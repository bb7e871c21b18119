"""The bank: the steps of all non-text modalities in one sequence."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from pgf_plugin.errors import check_bool, check_positive, check_positive_int
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


@MODELS.register_module()
class PGFBank(nn.Module):
    r"""Projects each modality to one width and lines their steps up.

    .. math:: M = [\, P_a(X_a) + e_a \,;\, P_v(X_v) + e_v \,]

    :math:`P` is a convolution over time that keeps the length, :math:`e` an embedding of the
    modality. Padded steps are zeroed before the convolution, so that real steps do not see them.

    Paper: PGF-Net, arXiv 2508.15852; the projection by Conv1d (k=3) is MMA's, NAACL 2025.

    Args:
        feature_dims: width of each modality, such as ``dict(audio=5, vision=20)``.
        width: width D_m of the bank.
        kernel_size: odd number of steps that the convolution sees.
        init_gain: factor of the projections at the start.
        norm: whether each step ends in a LayerNorm, so that steps that are louder than those of the
            training do not add more than those did. Not the paper's.
    """

    supplied = ("feature_dims",)

    def __init__(
        self,
        feature_dims: Mapping[str, int],
        width: int = 64,
        kernel_size: int = 3,
        init_gain: float = 1.0,
        norm: bool = False,
    ) -> None:
        super().__init__()
        check_positive_int("width", width)
        check_positive_int("kernel_size", kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd to keep the length, got {kernel_size}")
        self.width = width
        self.projections = nn.ModuleDict(
            {
                name: nn.Conv1d(dim, width, kernel_size, padding=kernel_size // 2)
                for name, dim in feature_dims.items()
            }
        )
        check_positive("init_gain", init_gain)
        with torch.no_grad():
            for parameter in self.projections.parameters():
                parameter.mul_(init_gain)
        self.embeddings = nn.ParameterDict(
            {name: nn.Parameter(torch.empty(width).normal_(std=0.02)) for name in feature_dims}
        )
        self.norm = nn.LayerNorm(width) if check_bool("norm", norm) else nn.Identity()

    def forward(self, inputs: dict[str, Tensor]) -> MaskedSequence:
        """Encode ``inputs[name]`` (B, T_name, D_name) of every modality.

        Returns:
            values (B, sum of T_name, D_m) and mask, in the order of ``feature_dims``.
        """
        values, masks = [], []
        for name, projection in self.projections.items():
            mask = inputs[f"{name}_mask"]
            steps = inputs[name].masked_fill(~mask.unsqueeze(-1), 0.0)  # (B, T, D_name)
            projected = projection(steps.transpose(1, 2)).transpose(1, 2)  # (B, T, D_m)
            values.append(self.norm(projected + self.embeddings[name]))
            masks.append(mask)
        return MaskedSequence(torch.cat(values, dim=1), torch.cat(masks, dim=1))


def split_bank(
    bank: MaskedSequence, inputs: dict[str, Tensor], names: Iterable[str]
) -> dict[str, MaskedSequence]:
    """Cut a bank back into its modalities ``names``, given in the order of the bank."""
    names = list(names)
    lengths = [inputs[name].shape[1] for name in names]
    values, masks = bank.values.split(lengths, 1), bank.mask.split(lengths, 1)
    return {
        name: MaskedSequence(value, mask)
        for name, value, mask in zip(names, values, masks, strict=True)
    }

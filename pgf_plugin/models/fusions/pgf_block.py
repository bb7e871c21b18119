"""One PGF block: cross-attention, gate, adapter."""

from collections.abc import Collection, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.models.fusions.cross_attention import BankProjection
from pgf_plugin.models.peft.mixture_of_adapters import PGFMixtureOfAdapters
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MaskedSequence


@MODELS.register_module()
class PGFBlock(nn.Module):
    r"""Refines the hidden states of one encoder layer by what the other modalities say.

    .. math:: F = g \odot T + (1 - g) \odot C, \qquad A = \mathrm{Adapter}(F)

    with :math:`C` from the cross-attention and :math:`g` from the gate. Where a sample has no
    valid audio or vision step, :math:`F = T` exactly, whatever the parts are.

    Paper: PGF-Net, arXiv 2508.15852, progressive intra-layer fusion.

    Args:
        hidden_size: width D of the text.
        bank_width: width D_m of the bank; None without other modalities, and then the block is
            its adapter.
        cross_attention: see :class:`PGFCrossAttention`; :class:`PGFParameterFreeAttention`,
            :class:`PGFConcatenation` and :class:`PGFSummation` may stand in its place.
        gate: see :class:`PGFGate`; likewise :class:`PGFScalarGate`, :class:`PGFFixedGate` and
            :class:`PGFSumGate`.
        adapter: see :class:`~pgf_plugin.models.peft.adapter.PGFAdapter`; likewise
            :class:`~pgf_plugin.models.peft.mixture_of_adapters.PGFMixtureOfAdapters` and
            :class:`~pgf_plugin.models.peft.no_adapter.PGFNoAdapter`.

    Attributes:
        available_outputs: what ``outputs`` of :meth:`forward` has a value for.
    """

    parameter_group = "fusion"
    supplied = ("hidden_size", "bank_width")

    def __init__(
        self,
        hidden_size: int,
        bank_width: int | None,
        cross_attention: ComponentConfig | None = None,
        gate: ComponentConfig | None = None,
        adapter: ComponentConfig | None = None,
    ) -> None:
        super().__init__()
        self.cross_attention = self.gate = None
        self.available_outputs: tuple[str, ...] = ()
        if bank_width is not None:
            self.cross_attention = build_module(
                cross_attention,
                "PGFCrossAttention",
                hidden_size=hidden_size,
                bank_width=bank_width,
            )
            self.gate = build_module(gate, "PGFGate", hidden_size=hidden_size)
            self._mixes = bool(getattr(self.gate, "mixes", False))
            gates = () if self._mixes else ("gates",)
            looks = getattr(self.cross_attention, "available_outputs", ("attention",))
            self.available_outputs = (*gates, *looks)
        self.adapter = build_module(adapter, "PGFAdapter", hidden_size=hidden_size)
        if isinstance(self.adapter, PGFMixtureOfAdapters):
            self.available_outputs = (*self.available_outputs, "experts")

    def forward(
        self,
        hidden: Tensor,
        bank: MaskedSequence | None,
        outputs: Collection[str] = (),
        projection: BankProjection | None = None,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Fuse one layer.

        Args:
            hidden: (B, L, D).
            bank: values (B, T, D_m), mask (B, T); None where the block was built without.
            outputs: what to return beside the states, of ``'gates'``, ``'attention'`` and
                ``'experts'``.
            projection: keys and values of the bank, where they are known, see
                :func:`~pgf_plugin.models.fusions.cross_attention.project_bank`.

        Returns:
            (B, L, D), and a dict with the gate (B, L, D) under ``'gates'``, the weights
            (B, heads, L, T) under ``'attention'`` and those of the adapter's experts (B, L, E)
            under ``'experts'``, as far as asked for and there.
        """
        if bank is None or self.cross_attention is None or self.gate is None:
            return self.adapter(hidden), self._experts(hidden, outputs)
        known = {} if projection is None else {"projection": projection}
        attended, weights = self.cross_attention(hidden, bank, "attention" in outputs, **known)
        has_key = bank.mask.any(dim=1)[:, None, None]  # (B, 1, 1)
        there: dict[str, Any] = {"attention": weights}
        # Autocast may have changed the types.
        attended = attended.to(hidden)
        if self._mixes:
            fused = self.gate(hidden, attended.masked_fill(~has_key, 0.0))
        else:
            there["gates"] = self.gate(hidden, attended).masked_fill(~has_key, 1.0)
            # lerp gives the language exactly where the gate is 1.
            fused = torch.lerp(attended, hidden, there["gates"].to(hidden))
        there |= self._experts(fused, outputs)
        return self.adapter(fused), {name: there[name] for name in outputs if name in there}

    def _experts(self, fused: Tensor, outputs: Collection[str]) -> dict[str, Tensor]:
        """How the adapter weighs its experts on (B, L, D), if it has any and that is asked for."""
        if "experts" not in outputs or not isinstance(self.adapter, PGFMixtureOfAdapters):
            return {}
        return {"experts": self.adapter.weigh(fused)}


def outputs_of_blocks(blocks: Iterable[nn.Module], usual: Collection[str]) -> tuple[str, ...]:
    """What a model can be asked for: gates and attention that every block has, experts of any.

    Args:
        blocks: the blocks, of this class or another.
        usual: what a block that does not say has.
    """
    given = [getattr(block, "available_outputs", usual) for block in blocks]
    looks = (name for name in ("gates", "attention") if given and all(name in g for g in given))
    return (*looks, *(["experts"] if any("experts" in names for names in given) else []))

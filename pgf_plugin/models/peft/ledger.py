"""The parameter ledger: what a model holds, by group, trainable and frozen."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

GROUPS = ("encoder", "lora", "fusion", "adapter", "head", "other")
"""Groups in the order in which they are listed; ``other`` holds what no module claims."""


class LedgerRow(NamedTuple):
    """Parameter counts of one group."""

    group: str
    trainable: int
    frozen: int

    @property
    def total(self) -> int:
        """Trainable and frozen parameters."""
        return self.trainable + self.frozen


class Ledger(NamedTuple):
    """Parameter counts of a model, one row a group."""

    rows: tuple[LedgerRow, ...]

    @property
    def trainable(self) -> int:
        """Trainable parameters of all groups."""
        return sum(row.trainable for row in self.rows)

    @property
    def total(self) -> int:
        """All parameters."""
        return sum(row.total for row in self.rows)

    @property
    def trainable_without_encoder(self) -> int:
        """Trainable parameters outside the text encoder, LoRA not counted."""
        return sum(row.trainable for row in self.rows if row.group not in ("encoder", "lora"))

    def __str__(self) -> str:
        """Render as a table."""
        lines = [f"{'group':<10}{'trainable':>14}{'frozen':>14}{'total':>14}"]
        everything = LedgerRow("total", self.trainable, self.total - self.trainable)
        lines += [
            f"{row.group:<10}{row.trainable:>14,}{row.frozen:>14,}{row.total:>14,}"
            for row in (*self.rows, everything)
        ]
        return "\n".join(lines)


def parameter_groups(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Sort the parameters of ``model`` into ledger groups.

    A module claims its parameters by a class attribute ``parameter_group``; the nearest ancestor
    wins. LoRA's parameters, which peft puts inside the encoder, are a group of their own.
    """
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in GROUPS}
    seen: set[int] = set()
    for group, name, parameter in _claims(model, "other"):
        if id(parameter) in seen:  # tied weights count once
            continue
        seen.add(id(parameter))
        group = "lora" if "lora_" in name else group
        groups.setdefault(group, []).append(parameter)
    return {name: parameters for name, parameters in groups.items() if parameters}


def ledger(model: nn.Module) -> Ledger:
    """Count the parameters of ``model`` by group."""
    return Ledger(
        tuple(
            LedgerRow(
                group,
                sum(p.numel() for p in parameters if p.requires_grad),
                sum(p.numel() for p in parameters if not p.requires_grad),
            )
            for group, parameters in parameter_groups(model).items()
        )
    )


def _claims(
    module: nn.Module, group: str, prefix: str = ""
) -> Iterator[tuple[str, str, nn.Parameter]]:
    group = getattr(module, "parameter_group", group)
    for name, parameter in module.named_parameters(prefix=prefix, recurse=False):
        yield group, name, parameter
    for name, child in module.named_children():
        yield from _claims(child, group, f"{prefix}.{name}" if prefix else name)

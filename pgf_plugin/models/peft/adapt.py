"""What of a wrapped model trains: LoRA, its head, and chosen parameters, by their names."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from pgf_plugin.errors import check_fraction, check_one_of, check_positive, check_positive_int
from pgf_plugin.models.name_patterns import check_called, describe_stacks, match_names
from pgf_plugin.models.peft.lora import inject_lora_at

_LORA_KEYS = ("targets", "rank", "alpha", "dropout")


def adapt(
    model: nn.Module,
    *,
    freeze: bool,
    lora: Mapping[str, Any] | None,
    head: str | Sequence[str],
    trainable: str | Sequence[str],
) -> None:
    """Freeze a model but for its head, chosen parameters, and LoRA, which is put in.

    The ledger counts the model as ``encoder`` and its head as ``head``, where its own modules do
    not claim to be something else.

    Args:
        model: changed in place.
        freeze: whether what is not named is frozen.
        lora: ``targets`` (patterns of names of linear maps), ``rank``, ``alpha``, ``dropout``.
        head: patterns of names of parameters.
        trainable: patterns of names of further parameters that train.

    Raises:
        ValueError: for a pattern that matches nothing, a setting of LoRA that is not allowed, or
            LoRA in a part that is never called.
    """
    names = [name for name, _ in model.named_parameters()]
    of_head = [model.get_parameter(name) for name in match_names("head", head, names)]
    named = [model.get_parameter(name) for name in match_names("trainable", trainable, names)]
    if trainable and not freeze:
        raise ValueError(
            f"trainable names what trains of a frozen model, got {trainable!r} with freeze=False, "
            "which trains all of it: leave one of the two out"
        )
    if not hasattr(model, "parameter_group"):
        vars(model)["parameter_group"] = "encoder"
    _mark_head(model, {id(parameter) for parameter in of_head})
    own = list(model.parameters())
    if lora is not None:
        _put_lora(model, lora)
    trains = {id(parameter) for parameter in (*of_head, *named)}
    for parameter in own:
        parameter.requires_grad_(not freeze or id(parameter) in trains)


def _mark_head(model: nn.Module, of_head: set[int]) -> None:
    """Let modules whose own parameters are all of the head claim them for the ledger."""
    for module in model.modules():
        own = [id(parameter) for parameter in module.parameters(recurse=False)]
        if own and of_head.issuperset(own):
            vars(module)["parameter_group"] = "head"


def _put_lora(model: nn.Module, lora: Mapping[str, Any]) -> None:
    for key in lora:
        check_one_of("a key of lora", key, _LORA_KEYS)
    if "targets" not in lora:
        raise ValueError(
            f"lora needs targets, patterns of the names of linear maps, got {dict(lora)!r}."
            f"{describe_stacks(model)}"
        )
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    hint = f" The linear maps are such as {', '.join(map(repr, linear[:6]))}." if linear else ""
    targets = match_names("lora.targets", lora["targets"], linear, hint)
    if not targets:
        raise ValueError(f"lora.targets must name at least one linear map, got {lora['targets']!r}")
    check_called("lora.targets", targets, model)
    rank = check_positive_int("lora.rank", lora.get("rank", 8))
    alpha = rank if lora.get("alpha") is None else check_positive("lora.alpha", lora["alpha"])
    dropout = check_fraction("lora.dropout", lora.get("dropout", 0.0))
    inject_lora_at(model, "|".join(map(re.escape, targets)), rank, alpha, dropout)

"""Adapters that differ from layer to layer: which layers have one, and how wide it is."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from torch import nn

from pgf_plugin.errors import (
    ConfigError,
    check_one_of,
    check_positive_int,
    did_you_mean,
    shown,
)
from pgf_plugin.models.build import ComponentConfig, one_each, typed

KEY, LAYERS_KEY = "model.adapter_bottlenecks", "model.adapter_layers"
RULES = {"constant": ("width",), "linear": ("first", "last"), "geometric": ("first", "last")}
"""The rules by name, and the keys that each needs."""

Schedule = Sequence[int] | Mapping[str, Any]
"""The bottlenecks one by one, or a rule, see :func:`bottlenecks_of`."""


def layer_blocks(
    block: ComponentConfig,
    schedule: Schedule | None,
    layers: Sequence[int] | None,
    start: int,
    num_layers: int,
) -> list[ComponentConfig]:
    """The config of the block of each fused layer, which differ in their adapters alone.

    Args:
        block: config of a block; ``adapter`` in it is the config of an adapter that takes
            ``bottleneck``.
        schedule: bottlenecks of the adapters, see :func:`bottlenecks_of`; None leaves that of
            ``block``.
        layers: layers of the encoder that have an adapter; None for every fused one.
        start: first fused layer.
        num_layers: layers of the encoder.

    Raises:
        ValueError: for a schedule or layers that do not fit the encoder, or a block or an adapter
            that is built already and so cannot change its width.
    """
    fused = range(start, num_layers)
    if schedule is None and layers is None:
        return [one_each("model.block", block, len(fused))] * len(fused)
    chosen = list(fused) if layers is None else check_layers(layers, fused)
    if schedule is None:
        return [block if layer in chosen else _with_adapter(block, 0) for layer in fused]
    widths = dict(zip(chosen, bottlenecks_of(schedule, len(chosen)), strict=True))
    return [_with_adapter(block, widths.get(layer, 0)) for layer in fused]


def bottlenecks_of(schedule: Schedule, number: int) -> list[int]:
    """The bottlenecks of ``number`` adapters, from the first layer to the last.

    Args:
        schedule: a list of ``number`` integers, 0 for no adapter; or a rule:

            - ``dict(rule='constant', width=64)``;
            - ``dict(rule='linear', first=16, last=112)``: equal steps;
            - ``dict(rule='geometric', first=16, last=128)``: equal ratios.

            With ``total``, the widths are scaled until their sum is ``total`` exactly (and a
            constant rule needs no ``width``). An adapter of bottleneck b on states of width D has
            b (2 D + 1) + 3 D + 1 parameters: schedules of one total and as many adapters have as
            many parameters.
        number: adapters, at least 1 for a rule.

    Raises:
        ValueError: if it is neither, has the wrong length, or a width below 1 comes out of a rule.
    """
    if isinstance(schedule, Mapping):
        return _by_rule(schedule, number)
    if isinstance(schedule, str) or not isinstance(schedule, Sequence):
        raise ValueError(  # noqa: TRY004 - errors of a config are ValueErrors
            f"{KEY} must be a list of integers, or a rule such as "
            f"dict(rule='linear', first=16, last=112), got {shown(schedule)}"
        )
    if len(schedule) != number:
        raise ValueError(
            f"{KEY} must have one entry for each of the {number} layers that may have an adapter "
            f"(those of model.adapter_layers, or all from model.start_fusion_layer on), got "
            f"{len(schedule)}: {shown(schedule)}"
        )
    return [
        check_positive_int(f"{KEY}, entry {place},", width, at_least=0)
        for place, width in enumerate(schedule)
    ]


def check_layers(layers: Sequence[int], fused: range) -> list[int]:
    """Return ``layers`` if each is one of the layers ``fused``, and they increase.

    Raises:
        ValueError: if they do not.
    """
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        raise ValueError(  # noqa: TRY004 - errors of a config are ValueErrors
            f"{LAYERS_KEY} must be a list of integers, got {shown(layers)}"
        )
    for layer in layers:
        if isinstance(layer, bool) or not isinstance(layer, int) or layer not in fused:
            raise ValueError(
                f"{LAYERS_KEY} must name layers from model.start_fusion_layer on, {fused[0]} … "
                f"{fused[-1]}, got {layer!r} in {shown(layers)}"
            )
    if list(layers) != sorted(set(layers)):
        raise ValueError(
            f"{LAYERS_KEY} must increase and name each layer once, got {shown(layers)}"
        )
    return list(layers)


def round_to_total(widths: Sequence[float], total: int) -> list[int]:
    """Scale ``widths`` (above 0) to integers whose sum is ``total``, by largest remainders.

    Where the widths rise, or fall, so do the integers.
    """
    parts = [Fraction(width) for width in widths]
    exact = [part * total / sum(parts) for part in parts]
    rounded = [int(share) for share in exact]
    most_short = sorted(range(len(exact)), key=lambda place: rounded[place] - exact[place])
    for place in most_short[: total - sum(rounded)]:
        rounded[place] += 1
    return rounded


def _by_rule(schedule: Mapping[str, Any], number: int) -> list[int]:
    rule, total, ends = _check_rule(schedule)
    if number == 0:
        raise ValueError(f"{KEY} is a rule, but model.adapter_layers leaves no layer: take one out")
    first, last = (ends or [1])[0], (ends or [1])[-1]
    places = [place / max(number - 1, 1) for place in range(number)]  # 0 … 1
    if rule == "geometric":
        widths = [first * (last / first) ** place for place in places]
    else:
        widths = [first + (last - first) * place for place in places]
    bottlenecks = list(map(round, widths)) if total is None else round_to_total(widths, total)
    if min(bottlenecks) < 1:
        raise ValueError(
            f"{KEY} is {shown(dict(schedule))}, which leaves a layer no bottleneck: {bottlenecks}. "
            "Raise total, or bring first and last together"
        )
    return bottlenecks


def _check_rule(schedule: Mapping[str, Any]) -> tuple[str, int | None, list[int]]:
    """Name, total and ends of a rule that has the keys it needs and no other."""
    if "rule" not in schedule:
        raise ValueError(f"{KEY} needs 'rule', one of {list(RULES)}, got the keys {list(schedule)}")
    rule = check_one_of(f"{KEY}.rule", schedule["rule"], RULES)
    total = schedule.get("total")
    if total is not None:
        check_positive_int(f"{KEY}.total", total)
    needed = () if rule == "constant" and total is not None else RULES[rule]
    allowed = ("rule", *needed, "total")
    for key, value in schedule.items():
        if key not in allowed:
            raise ValueError(
                f"{KEY}.{key} (got {shown(value)}) is no key of the rule {rule!r}"
                f"{' with a total' if total is not None else ''}, which takes "
                f"{', '.join(allowed)}.{did_you_mean(key, allowed)}".rstrip(".")
            )
    if missing := [key for key in needed if key not in schedule]:
        raise ValueError(
            f"{KEY} needs {missing[0]!r} for the rule {rule!r}, got the keys {list(schedule)}"
        )
    return rule, total, [check_positive_int(f"{KEY}.{key}", schedule[key]) for key in needed]


def _with_adapter(block: ComponentConfig, bottleneck: int) -> ComponentConfig:
    """``block`` with an adapter of another bottleneck; 0 for none."""
    if isinstance(block, nn.Module):
        raise ValueError(  # noqa: TRY004 - errors of a config are ValueErrors
            f"{KEY} and {LAYERS_KEY} need model.block as a config, got {type(block).__name__}, "
            "built already"
        )
    if bottleneck == 0:
        return {**block, "adapter": {"type": "PGFNoAdapter"}}
    adapter = typed(block.get("adapter"), "PGFAdapter")
    if isinstance(adapter, nn.Module):
        raise ValueError(  # noqa: TRY004 - errors of a config are ValueErrors
            f"{KEY} needs model.block.adapter as a config, got {type(adapter).__name__}, built "
            "already"
        )
    if adapter.get("type") == "PGFNoAdapter":
        raise ConfigError(
            f"{KEY} gives adapters a bottleneck, and model.block.adapter.type is 'PGFNoAdapter': "
            f"leave {KEY} out, or choose PGFAdapter or PGFMixtureOfAdapters"
        )
    return {**block, "adapter": {**adapter, "bottleneck": bottleneck}}

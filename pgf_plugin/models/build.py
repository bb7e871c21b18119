"""How a model gets its parts: from a config, or as they are."""

from typing import Any

from torch import nn

from pgf_plugin.errors import ConfigError
from pgf_plugin.registry import MODELS

ComponentConfig = dict[str, Any] | nn.Module
"""A component as a config (``dict(type=…)``) or as a built module."""


def build_module(
    component: ComponentConfig | None, default: str | None = None, /, **defaults: Any
) -> nn.Module:
    """Build a component from its config, or return it if it is built already.

    Args:
        component: a config, or a module.
        default: ``type`` of a config that has none, and of no config at all.
        defaults: arguments for keys that the config leaves out, such as widths that follow from
            the encoder.
    """
    component = typed(component, default)
    if isinstance(component, nn.Module):
        return component
    return MODELS.build(component, default_args=defaults or None)


def typed(component: ComponentConfig | None, default: str | None) -> ComponentConfig:
    """``component``, with ``default`` for its ``type`` where it has none."""
    if component is None:
        component = {}
    if not isinstance(component, dict) or default is None or "type" in component:
        return component
    return {"type": default, **component}


def one_each(key: str, component: ComponentConfig, count: int) -> ComponentConfig:
    """``component``, of which ``count`` are built.

    Raises:
        ConfigError: naming ``key``, if it or a part of it is a module, which all would share.
    """
    if count < 2:
        return component
    if isinstance(component, nn.Module):
        raise ConfigError(
            f"{key} is a {type(component).__name__} that is built already, and {count} would be "
            "one module: give its config, dict(type=…)"
        )
    for name, part in component.items():
        if isinstance(part, dict | nn.Module):
            one_each(f"{key}.{name}", part, count)
    return component

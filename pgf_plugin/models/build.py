"""How a model gets its parts: from a config, or as they are."""

from typing import Any

from torch import nn

from pgf_plugin.registry import MODELS

ComponentConfig = dict[str, Any] | nn.Module
"""A component as a config (``dict(type=…)``) or as a built module."""


def build_module(component: ComponentConfig, **defaults: Any) -> nn.Module:
    """Build a component from its config, or return it if it is built already.

    Args:
        component: a config with ``type``, or a module.
        defaults: arguments for keys that the config leaves out, such as widths that follow from
            the encoder.
    """
    if isinstance(component, nn.Module):
        return component
    return MODELS.build(component, default_args=defaults or None)

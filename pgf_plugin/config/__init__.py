"""Configs: finding them by name, loading them with overrides, and checking them."""

from pgf_plugin.config.check import check_config, raise_problems
from pgf_plugin.config.load import (
    apply_data_root,
    apply_encoder,
    apply_options,
    load_config,
)
from pgf_plugin.config.problem import Problem, config_error
from pgf_plugin.config.resolve import config_root, copy_config, find_config, list_configs

__all__ = [
    "Problem",
    "apply_data_root",
    "apply_encoder",
    "apply_options",
    "check_config",
    "config_error",
    "config_root",
    "copy_config",
    "find_config",
    "list_configs",
    "load_config",
    "raise_problems",
]

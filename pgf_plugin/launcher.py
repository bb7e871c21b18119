"""A training of several processes, as mmengine's launchers start them, with or without GPUs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.config import Config
from torch import distributed

from pgf_plugin.errors import ConfigError

LAUNCHERS = ("none", "pytorch", "slurm", "mpi")
"""What ``launcher`` of a config may be."""

_TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@contextmanager
def joined_processes(cfg: Config) -> Iterator[None]:
    """Let the processes of a run find each other, and part again when the block ends.

    With GPUs that is mmengine's own work. Without, it would ask for CUDA and NCCL all the same: the
    processes are joined here, through gloo.

    Args:
        cfg: of the run; where there are no GPUs, its ``model_wrapper_cfg`` is set, so that the
            model stays on the CPU.

    Raises:
        ConfigError: if ``launcher='pytorch'`` and this process was not started by ``torchrun``.
    """
    launcher = cfg.get("launcher") or "none"
    if launcher == "pytorch":
        _check_torchrun()
        if not torch.cuda.is_available():
            distributed.init_process_group("gloo")
            _stay_on_cpu(cfg)
    try:
        yield
    finally:
        if launcher != "none" and distributed.is_initialized():
            distributed.destroy_process_group()


def _check_torchrun() -> None:
    missing = [name for name in _TORCHRUN if name not in os.environ]
    if missing:
        raise ConfigError(
            f"launcher='pytorch' needs {', '.join(missing)} in the environment, which torchrun "
            "sets: torchrun --nproc-per-node 2 -m pgf_plugin train CONFIG --launcher pytorch"
        )


def _stay_on_cpu(cfg: Config) -> None:
    wrapper = dict(cfg.get("model_wrapper_cfg") or {})
    wrapper.setdefault("type", "MMDistributedDataParallel")
    if wrapper["type"] == "MMDistributedDataParallel":
        wrapper.setdefault("device_ids", None)
        wrapper.setdefault("find_unused_parameters", bool(cfg.get("find_unused_parameters", False)))
    cfg.model_wrapper_cfg = wrapper

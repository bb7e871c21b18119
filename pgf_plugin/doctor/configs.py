"""What a config would lack on this machine, without loading weights or data."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants

from pgf_plugin.config import check_config
from pgf_plugin.config.device import FULL_PRECISION, has_accelerator, mixed_precision
from pgf_plugin.config.load import dataset_nodes, nodes, type_name
from pgf_plugin.config.needs import is_own_dataset
from pgf_plugin.config.problem import count
from pgf_plugin.doctor.machine import why_not_writable
from pgf_plugin.doctor.report import Finding, reason_and_advice
from pgf_plugin.errors import MissingExtraError
from pgf_plugin.pretrained import is_local, resolve_pretrained
from pgf_plugin.registry import ROOT_REGISTRIES

_ENCODERS = ("HFTextEncoder", "HFModel")
"""Components whose ``pretrained`` is the name of a Hugging Face model."""

_OTHER = "Give another encoder with --encoder PATH"
VISUALIZER_PACKAGES = {
    "TensorboardVisBackend": "tensorboard",
    "WandbVisBackend": "wandb",
    "MLflowVisBackend": "mlflow",
    "ClearMLVisBackend": "clearml",
    "NeptuneVisBackend": "neptune",
    "DVCLiveVisBackend": "dvclive",
    "AimVisBackend": "aim",
}
"""Packages that the engine's backends import when they first write."""


def check_here(label: str, cfg: Any) -> list[Finding]:
    """Find what the config of a run lacks on this machine.

    Args:
        label: what the config is called.
        cfg: the config.
    """
    found = []
    problems = check_config(cfg)
    if problems:
        found.append(
            Finding(
                label,
                f"the config has {count(len(problems))}, first {problems[0]}",
                f"See them all with: pgf check {label.partition(',')[0]}",
                broken=True,
            )
        )
    return list(dict.fromkeys([*found, *lacks_here(label, cfg)]))


def lacks_here(label: str, cfg: Any) -> list[Finding]:
    """Find what a config that has no problem lacks on this machine, see :func:`check_here`."""
    return [
        Finding(f"{label}: {what}", why, do, broken)
        for lack in (_encoders, _data, _packages, _device, _files)
        for what, why, do, broken in dict.fromkeys(lack(cfg))
    ]


Lack = tuple[str, str, str, bool]
"""What, why, what to do, and whether it keeps the run from beginning."""


def _encoders(cfg: Mapping[str, Any]) -> Iterator[Lack]:
    """Encoders and tokenizers that are not there, or would be downloaded."""
    encoders = [node.get("pretrained") for node in nodes(cfg) if type_name(node) in _ENCODERS]
    tokenizers = [node.get("tokenizer") for node in dataset_nodes(cfg) if is_own_dataset(node)]
    wanted = {name for name in (*encoders, *tokenizers) if isinstance(name, str)}
    for name in sorted(wanted):
        try:
            resolve_pretrained(name)
            local = is_local(name)
        except (ValueError, OSError, MissingExtraError) as error:
            yield f"the encoder {name!r}", *reason_and_advice(error, _OTHER), True
            continue
        if not local and not _is_downloaded(name):
            yield (
                f"the encoder {name!r} without a network",
                f"it is not in {constants.HF_HUB_CACHE}, and would be downloaded",
                "Download it before, or give --encoder PATH",
                False,
            )


def _is_downloaded(name: str) -> bool:
    folder = Path(constants.HF_HUB_CACHE, f"models--{name.replace('/', '--')}")
    return any(folder.glob("snapshots/*/config.json"))


def _data(cfg: Any) -> Iterator[Lack]:
    """Files of datasets: those whose argument ends with ``_file``, below ``data_root``.

    Whether a dataset of another package needs them, nobody knows before it is built.
    """
    for node in dataset_nodes(cfg):
        root = node.get("data_root") or ""
        named = [node[key] for key in node if key.endswith("_file") and isinstance(node[key], str)]
        for path in [Path(root, name).expanduser() for name in named] or [Path(root).expanduser()]:
            if "://" not in str(root) and not path.exists():
                yield (
                    f"the data of {type_name(node)}",
                    f"there is no {path.absolute()}",
                    "Give the folder that holds it with --data-root DIR",
                    is_own_dataset(node),
                )


def _packages(cfg: Any) -> Iterator[Lack]:
    """Packages that components say they need, in ``required_packages``, or are known to."""
    for node in nodes(cfg):
        name = type_name(node) if "type" in node else ""
        if (package := VISUALIZER_PACKAGES.get(name)) and find_spec(package) is None:
            yield name, f"{package} is not installed", f"Run: python -m pip install {package}", True
        for module, extra in _required_packages(node, name).items():
            if find_spec(module) is None:
                yield (
                    name,
                    f"{module} is not installed",
                    f'Run: python -m pip install "pgf-plugin[{extra}]"',
                    True,
                )


def _required_packages(node: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """Module to the extra of this package that installs it."""
    kind = node.get("type")
    registries = ROOT_REGISTRIES.values() if isinstance(kind, str) else ()
    named = (registry.module_dict.get(name) for registry in registries)
    component = next((found for found in named if found is not None), kind)
    return getattr(component, "required_packages", {})


def _device(cfg: Any) -> Iterator[Lack]:
    name = mixed_precision(cfg)
    if name is None:
        return
    dtypes = [node.get("dtype") for node in nodes(cfg["optim_wrapper"])]
    if not has_accelerator():
        yield (
            f"training with {name}",
            "it needs a GPU, and torch sees none",
            f"Train in full precision: {FULL_PRECISION}",
            True,
        )
    elif "bfloat16" in dtypes and torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
        yield (
            "training in bfloat16",
            f"{torch.cuda.get_device_name()} does not support it",
            "Use: --cfg-options optim_wrapper.dtype=float16",
            True,
        )


def _files(cfg: Any) -> Iterator[Lack]:
    """The checkpoint to begin with, and the folder to write to."""
    checkpoint = cfg.get("load_from")
    if isinstance(checkpoint, str) and "://" not in checkpoint and not Path(checkpoint).is_file():
        yield (
            "training from a checkpoint",
            f"there is no {Path(checkpoint).absolute()}",
            "Correct load_from",
            True,
        )
    work_dir = cfg.get("work_dir")
    if isinstance(work_dir, str) and "://" not in work_dir:
        folder = Path(work_dir).absolute()
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        problem = why_not_writable(existing)
        if problem:
            yield "writing the run", problem, "Give another folder with --work-dir DIR", True

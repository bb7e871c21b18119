"""The machine: devices, threads, the environment, the folder."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch

from pgf_plugin.compat import FORCE_UNSAFE
from pgf_plugin.doctor.report import Section
from pgf_plugin.errors import misspelt

OWN_VARIABLES = ("PGF_ENCODER", "PGF_NO_ENTRY_POINTS", "PGF_TRACEBACK")
_VARIABLES = (
    *("HF_HUB_OFFLINE", "HF_HOME", "HF_HUB_CACHE", "TRANSFORMERS_OFFLINE"),
    *("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "TOKENIZERS_PARALLELISM"),
)
_PREFIXES = ("PGF_", "TORCH_FORCE_")
_LITTLE = 2 * 1024**3
"""Bytes: a checkpoint of a base encoder with its optimizer has about one gigabyte."""


def check_devices(section: Section, environment: Mapping[str, str]) -> None:
    """What torch computes on, and with how many threads."""
    section.facts["build of torch"] = _build()
    section.facts["GPU"] = "none that torch sees"
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            found = torch.cuda.get_device_properties(number)
            section.facts[f"GPU {number}" if number else "GPU"] = (
                f"{found.name}, {found.total_memory / 1024**3:.0f} GiB"
            )
        section.facts["bfloat16"] = "yes" if torch.cuda.is_bf16_supported() else "no"
    else:
        section.find("training in mixed precision (AmpOptimWrapper)", *_why_no_gpu(environment))
    section.facts["threads"] = f"{torch.get_num_threads()} of {os.cpu_count()} processors"


def check_environment(section: Section, environment: Mapping[str, str]) -> None:
    """Environment variables that change what happens."""
    for name, value in sorted(environment.items()):
        if name in _VARIABLES or name.startswith(_PREFIXES):
            section.facts[name] = value
        if name.startswith("PGF_") and (meant := misspelt(name, OWN_VARIABLES)):
            section.find(
                f"the environment variable {name}",
                "nothing reads it",
                f"Did you mean {meant}?",
            )
    if environment.get("PGF_NO_ENTRY_POINTS"):
        section.find(
            "components of other packages",
            "PGF_NO_ENTRY_POINTS is set",
            "Unset it to have them",
        )
    if environment.get(FORCE_UNSAFE):
        section.find(
            "safe loading in scripts of your own",
            f"{FORCE_UNSAFE} is set: torch.load executes what a checkpoint says (pgf's commands do "
            "not obey)",
            "Unset it",
        )


def check_folder(section: Section, environment: Mapping[str, str]) -> None:
    """Whether a run could write here."""
    here = Path.cwd()
    section.facts["path"] = str(here)
    problem = why_not_writable(here)
    section.facts["writable"] = "no" if problem else "yes"
    free = shutil.disk_usage(here).free
    section.facts["free"] = f"{free / 1024**3:.1f} GiB"
    if problem:
        section.find("training from this folder", problem, "Give another one with --work-dir DIR")
    if free < _LITTLE:
        section.find(
            "long training from this folder",
            f"only {free / 1024**3:.1f} GiB are free",
            "Make room, or give another one with --work-dir DIR",
        )


def why_not_writable(folder: Path) -> str | None:
    """Why nothing can be written to ``folder``; None if it can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"{folder} cannot be written to ({error.strerror or error})"


def _build() -> str:
    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    return f"ROCm {torch.version.hip}" if torch.version.hip else "CPU"


def _why_no_gpu(environment: Mapping[str, str]) -> tuple[str, str]:
    """Reason and advice."""
    if not torch.version.cuda and not torch.version.hip:
        return (
            "this is torch's CPU build",
            "On a machine with a GPU, install the build for it: "
            "https://pytorch.org/get-started/locally/",
        )
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES={visible!r} hides every GPU", "Unset it"
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        return f"torch finds no GPU: {reason.rstrip('.')}", "Install or update the driver"
    return "torch finds no GPU", "Install or update the driver"

"""A trial as it travels to another process."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from pgf_plugin.bench.executors.base import run_here
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.compat import only_weights_loaded
from pgf_plugin.plugin import load_entry_points

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Job:
    """What a process needs to run a trial as the one that planned it would.

    Attributes:
        trial: all of the trial but its config.
        config: the config's content; a ``Config`` itself cannot be sent.
        filename: of the config.
        directory: to which relative paths in it belong.
        threads: for the computation on a CPU; None leaves what the process has.
        device: entry of ``CUDA_VISIBLE_DEVICES``; None leaves what the process sees.
    """

    trial: dict[str, Any]
    config: dict[str, Any]
    filename: str | None
    directory: str
    threads: int | None = None
    device: str | None = None

    @classmethod
    def of(cls, trial: Trial, threads: int | None = None, device: str | None = None) -> "Job":
        """Pack a trial."""
        rest = trial._asdict()
        config = rest.pop("config")
        name = config.filename and str(config.filename)
        return cls(rest, config.to_dict(), name, os.getcwd(), threads, device)

    def run(self) -> TrialResult:
        """Run the trial; its result is also in its folder.

        Raises:
            WorkDirError: as :func:`~pgf_plugin.bench.execute.run_trial`.
        """
        if self.device is not None:  # before anything asks CUDA
            os.environ[VISIBLE_DEVICES] = self.device
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        if Path(self.directory).is_dir():
            os.chdir(self.directory)
        load_entry_points()
        config = Config(self.config, filename=self.filename)
        if custom := config.get("custom_imports"):
            import_modules_from_strings(**custom)
        with only_weights_loaded():
            return run_here(Trial(config=config, **self.trial))

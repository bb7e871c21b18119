"""Whether the disk has room for the checkpoints of a run, before it begins."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.runner import Runner
from torch import Tensor

from pgf_plugin.errors import WorkDirError
from pgf_plugin.model_access import unwrap


def check_space(runner: Runner, hook: CheckpointHook, folder: Path) -> None:
    """Refuse to begin a run whose checkpoints clearly do not fit.

    What is counted is less than what will be written: weights and moments of the optimizer, for
    the checkpoints that are kept at once. Files of them that are there already will be replaced.

    Args:
        runner: about to train; its optimizer is built.
        hook: what saves, after its ``before_train``.
        folder: where it saves; need not exist yet.

    Raises:
        WorkDirError: naming the folder, what is needed and what is free.
    """
    weights = sum(map(_bytes, unwrap(runner.model).state_dict().values()))
    moments = _moment_bytes(runner.optim_wrapper.param_groups) if hook.save_optimizer else 0
    count = _count_kept(runner, hook)
    needed = count * (weights + moments) + weights * bool(hook.save_best)
    present = sum(path.stat().st_size for path in folder.glob("*.pth"))
    free = shutil.disk_usage(_existing(folder)).free
    if needed - present > free:
        raise WorkDirError(
            f"work_dir {folder} has {_shown(free)} free, and {count} checkpoints of at least "
            f"{_shown(weights + moments)} do not fit: make room, give another folder (--work-dir "
            "DIR), or keep fewer (default_hooks.checkpoint.max_keep_ckpts, at least 2)"
        )


def _existing(folder: Path) -> Path:
    folder = folder.resolve()
    return next(path for path in (folder, *folder.parents) if path.exists())


def _count_kept(runner: Runner, hook: CheckpointHook) -> int:
    """How many checkpoints will lie on the disk at once, as far as that is known."""
    end = runner.max_epochs if hook.by_epoch else runner.max_iters
    saved = (end // hook.interval if hook.interval > 0 else 0) or int(hook.save_last)
    if hook.max_keep_ckpts > 0:
        return min(saved, hook.max_keep_ckpts)
    may_end_early = any(isinstance(other, EarlyStoppingHook) for other in runner.hooks)
    return min(saved, 2) if may_end_early else saved


def _moment_bytes(groups: Any) -> int:
    """Size of what the optimizer will remember: two moments for Adam's kin, one for momentum."""
    if isinstance(groups, Mapping):  # several optimizers
        return sum(map(_moment_bytes, groups.values()))
    return sum(_moments(group) * _bytes_of(group["params"]) for group in groups)


def _moments(group: Mapping[str, Any]) -> int:
    return 2 if "betas" in group else int(bool(group.get("momentum")))


def _bytes_of(parameters: Iterable[Tensor]) -> int:
    return sum(_bytes(parameter) for parameter in parameters if parameter.requires_grad)


def _bytes(value: Any) -> int:
    return value.nbytes if isinstance(value, Tensor) else 0


def _shown(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB" if count < 2**30 else f"{count / 2**30:,.1f} GiB"

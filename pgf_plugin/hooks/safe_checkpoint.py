"""Checkpoints that survive a kill."""

from bisect import bisect
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from pgf_plugin.checkpoint_files import ATOMIC_BACKEND, remove_unfinished
from pgf_plugin.errors import ConfigError
from pgf_plugin.registry import HOOKS


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` that writes whole files, at moments a run can go on from.

    Two differences. A file is written under another name and then renamed, so that a kill leaves
    the file before it. And where a validation is due, the checkpoint is saved after it and not
    before: the validation, its metrics, the best checkpoint and every hook that follows them
    belong to what a resumed run must not do again and must not miss.

    Args:
        max_keep_ckpts: -1 keeps all; otherwise at least 2, because the oldest is deleted before
            the newest is written.
        backend_args: where to write; None means local files, written atomically.
        **kwargs: of ``CheckpointHook``.

    Raises:
        ConfigError: if one checkpoint alone is to be kept.
    """

    backend_args: dict | None

    def __init__(
        self, *, max_keep_ckpts: int = -1, backend_args: dict | None = None, **kwargs: Any
    ) -> None:
        if max_keep_ckpts == 1:
            raise ConfigError(
                "SafeCheckpointHook.max_keep_ckpts must be -1 or at least 2, got 1: a damaged "
                "checkpoint needs one before it (default_hooks.checkpoint.max_keep_ckpts=2)"
            )
        super().__init__(max_keep_ckpts=max_keep_ckpts, backend_args=backend_args, **kwargs)
        self._due = False
        self._metrics: dict[str, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Choose how to write, and remove what a killed run left half-written."""
        local = "://" not in str(self.out_dir or runner.work_dir)
        if local and self.backend_args is None and self.file_client_args is None:
            self.backend_args = {"backend": ATOMIC_BACKEND}
        super().before_train(runner)
        self._due = False
        if local and is_main_process():
            for path in remove_unfinished(Path(self.out_dir)):
                runner.logger.info(f"Removed {path}, which a killed run left half-written")

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Leave what was logged out of a file of weights: it grows with every step."""
        if "optimizer" not in checkpoint:
            checkpoint["message_hub"] = {**checkpoint["message_hub"], "log_scalars": {}}

    def after_val_epoch(self, runner: Runner, metrics: dict[str, Any]) -> None:
        """Keep the metrics until every hook has seen them."""
        self._metrics = metrics

    def after_val(self, runner: Runner) -> None:
        """Save the best checkpoint, and the one that waited for this validation."""
        super().after_val_epoch(runner, self._metrics)
        if not self._due:
            return
        self._due = False
        step = runner.epoch if self.by_epoch else runner.iter
        path = self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(step))
        # A new best checkpoint has already saved this one, too.
        if path != self.last_ckpt:
            meta = {"epoch": runner.epoch, "iter": runner.iter}
            self._save_checkpoint_with_step(runner, step, meta=meta)

    def _save_checkpoint(self, runner: Runner) -> None:
        if _validates_next(runner, self.by_epoch):
            self._due = True
        else:
            super()._save_checkpoint(runner)


def _validates_next(runner: Runner, by_epoch: bool) -> bool:
    """Whether mmengine's loop validates between this epoch, or step, and the next."""
    loop = runner.train_loop
    if runner.val_loop is None:
        return False
    if by_epoch and isinstance(loop, EpochBasedTrainLoop):
        step, end = loop.epoch + 1, loop.max_epochs
    elif not by_epoch and isinstance(loop, IterBasedTrainLoop):
        step, end = loop.iter + 1, loop.max_iters
    else:
        return False
    # The loop looks its interval up after it has counted the epoch or step.
    interval = loop.dynamic_intervals[bisect(loop.dynamic_milestones, step + 1) - 1]
    return step >= loop.val_begin and (step % interval == 0 or step == end)

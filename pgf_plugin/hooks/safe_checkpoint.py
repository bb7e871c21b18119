"""Checkpoints that survive a kill."""

from bisect import bisect
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from pgf_plugin.checkpoint_files import ATOMIC_BACKEND, remove_unfinished
from pgf_plugin.checkpoint_schema import META_KEY, check_schema, schema_stamp
from pgf_plugin.checkpoint_space import check_space
from pgf_plugin.errors import ConfigError
from pgf_plugin.evaluation.catalogue import Rule, rule_of
from pgf_plugin.registry import HOOKS


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` that writes whole files, at moments a run can go on from.

    Five differences. A file is written under another name and then renamed, so that a kill leaves
    the file before it. Where a validation is due, the checkpoint is saved after it and not
    before: the validation, its metrics, the best checkpoint and every hook that follows them
    belong to what a resumed run must not do again and must not miss. And the best checkpoint
    before goes when no file names it any more. And without ``by_epoch`` it counts as the loop does:
    in a loop of steps, ``interval`` is of validations. And it knows which way the metrics of this
    package are better.

    Args:
        max_keep_ckpts: -1 keeps all; otherwise at least 2, because the oldest is deleted before
            the newest is written.
        backend_args: where to write; None means local files, written atomically.
        by_epoch: whether ``interval`` counts epochs or steps; None for epochs in a loop of epochs,
            and for validations in a loop of steps.
        **kwargs: of ``CheckpointHook``; ``save_best`` needs no ``rule`` for what is in
            :data:`~pgf_plugin.evaluation.METRICS`.

    Raises:
        ConfigError: if one checkpoint alone is to be kept.
        DataError: for a checkpoint whose layout is of a later version.
        WorkDirError: before training, if the disk has clearly too little room.
    """

    backend_args: dict | None
    last_ckpt: str | None
    filename_tmpl: str

    def __init__(
        self,
        *,
        max_keep_ckpts: int = -1,
        backend_args: dict | None = None,
        by_epoch: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if max_keep_ckpts == 1:
            raise ConfigError(
                "SafeCheckpointHook.max_keep_ckpts must be -1 or at least 2, got 1: a damaged "
                "checkpoint needs one before it (default_hooks.checkpoint.max_keep_ckpts=2)"
            )
        super().__init__(
            by_epoch=by_epoch is not False,
            max_keep_ckpts=max_keep_ckpts,
            backend_args=backend_args,
            **kwargs,
        )
        self._follows_loop = by_epoch is None
        self._due = False
        self._metrics: dict[str, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Choose how to write, and remove what a killed run left half-written."""
        self._count_as(runner.train_loop)
        local = "://" not in str(self.out_dir or runner.work_dir)
        if local and self.backend_args is None and self.file_client_args is None:
            self.backend_args = {"backend": ATOMIC_BACKEND}
        super().before_train(runner)
        self._find_in_folder(runner)
        self._due = False
        if runner.iter > 0:  # resumed: whether a new best is followed by a checkpoint hangs on it
            self.last_ckpt = runner.message_hub.runtime_info.get("last_ckpt")
        if local and is_main_process():
            for path in remove_unfinished(Path(self.out_dir)):
                runner.logger.info(f"Removed {path}, which a killed run left half-written")
            check_space(runner, self, Path(self.out_dir))

    def _init_rule(self, rules: list[Rule | None], key_indicators: list[str]) -> None:
        """Know the directions of this package's metrics, also of the one that 'auto' is."""
        given = rules * len(key_indicators) if len(rules) == 1 else rules
        known = [rule or rule_of(name) for rule, name in zip(given, key_indicators, strict=False)]
        super()._init_rule(known, key_indicators)

    def _find_in_folder(self, runner: Runner) -> None:
        """Know the files of a folder that was moved or copied by where they are now."""

        def here(path: str | None) -> str | None:
            moved = path and self._in_folder(path)
            return moved if moved and self.file_backend.isfile(moved) else path

        known = runner.message_hub.runtime_info
        for key in [key for key in known if key == "last_ckpt" or key.startswith("best_ckpt")]:
            runner.message_hub.update_info(key, here(known[key]))
        self._set_best_paths({name: here(path) for name, path in self._best_paths().items()})

    def _in_folder(self, path: str) -> str:
        return self.file_backend.join_path(self.out_dir, Path(path).name)

    def _count_as(self, loop: Any) -> None:
        if not self._follows_loop or not isinstance(loop, IterBasedTrainLoop):
            return
        self._follows_loop, self.by_epoch = False, False
        self.interval *= loop.val_interval
        if self.filename_tmpl == "epoch_{}.pth":
            self.filename_tmpl = "iter_{}.pth"

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse a layout of a later version."""
        check_schema(checkpoint.get("meta"), "the checkpoint")

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Say in which layout the file is; leave what was logged out of a file of weights."""
        checkpoint["meta"][META_KEY] = schema_stamp()
        if "optimizer" not in checkpoint:
            checkpoint["message_hub"] = {**checkpoint["message_hub"], "log_scalars": {}}

    def after_val_epoch(self, runner: Runner, metrics: dict[str, Any]) -> None:
        """Keep the metrics until every hook has seen them."""
        self._metrics = metrics

    def after_val(self, runner: Runner) -> None:
        """Save the best checkpoint, and the one that waited for this validation."""
        paths, last = self._best_paths(), self.last_ckpt
        # mmengine would remove the best of before first, and save the run once more last.
        self._set_best_paths(dict.fromkeys(paths))
        self.last_ckpt = None
        super().after_val_epoch(runner, self._metrics)
        self.last_ckpt = last
        # Not of the same names: the first validation tells which metric 'auto' is.
        before = dict(zip(self._best_paths(), paths.values(), strict=True))
        new = {key: path for key, path in self._best_paths().items() if path is not None}
        self._set_best_paths({**before, **new})
        if self._due or (new and last is not None):
            self.save_validated(runner, again=bool(new))
        self._due = False
        for key, path in new.items():
            self._remove(before[key], unless=path)

    def save_now(self, runner: Runner) -> None:
        """Save after this epoch, or step, though none is due; or after its validation."""
        step = (runner.epoch if self.by_epoch else runner.iter) + 1
        if not self._due and self._path(step) != self.last_ckpt:
            self._save_checkpoint(runner)

    def save_validated(self, runner: Runner, again: bool = False) -> None:
        """Save after a validation, if that is not done; ``again`` where a better best is known."""
        step = runner.epoch if self.by_epoch else runner.iter
        if again or self._path(step) != self.last_ckpt:
            meta = {"epoch": runner.epoch, "iter": runner.iter}
            self._save_checkpoint_with_step(runner, step, meta=meta)

    def _save_checkpoint(self, runner: Runner) -> None:
        if validates_next(runner, self.by_epoch):
            self._due = True
        else:
            super()._save_checkpoint(runner)

    def _path(self, step: int) -> str:
        return self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(step))

    def _best_paths(self) -> dict[str, str | None]:
        """The best checkpoint by each metric that chooses one."""
        if not self.save_best:
            return {}
        if len(self.key_indicators) == 1:
            return {self.key_indicators[0]: self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best_paths(self, paths: dict[str, str | None]) -> None:
        if paths and len(self.key_indicators) == 1:
            (self.best_ckpt_path,) = paths.values()
        elif paths:
            self.best_ckpt_path_dict = paths

    def _remove(self, path: str | None, unless: str | None) -> None:
        # A run that goes on from the checkpoint of another leaves that one's files alone.
        here = path is not None and path == self._in_folder(path)
        if here and path != unless and is_main_process() and self.file_backend.isfile(path):
            self.file_backend.remove(path)


def validates_next(runner: Runner, by_epoch: bool) -> bool:
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

"""Training epochs through mmengine's ``Runner`` against a bare loop of PyTorch.

Both sides train the same model from the same weights over the same data, with the same optimizer
and the same validation, in one process, epoch by epoch in turn. The bare loop has no hooks, no log,
no checkpoints and no schedule; the runner has those of the config.

    python benchmarks/whole_run.py [--config NAME] [--epochs 3] [--threads 2] [--out whole_run.json]
                                   [--cfg-options KEY=VALUE …]

``--quick`` takes few synthetic utterances and one epoch, to see that it runs.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from _timing import report, take_turns
from mmengine.config import Config, DictAction
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from pgf_plugin.config import load_config
from pgf_plugin.evaluation import msa_metrics

CONFIG = "pgf_net/pgf_net_minilm_synthetic"
QUICK = {f"{split}_dataloader.dataset.num_samples": 32 for split in ("train", "val", "test")}


class BareLoop:
    """What the runner trains, without it.

    Args:
        model: to train.
        cfg: of the run, for its optimizer and the bound on its gradients.
        train: batches to train on.
        val: batches to validate on.
    """

    def __init__(self, model: nn.Module, cfg: Config, train: DataLoader, val: DataLoader) -> None:
        self.model, self.train, self.val = model, train, val
        self.trained = [each for each in model.parameters() if each.requires_grad]
        settings = dict(cfg.optim_wrapper.optimizer)
        self.optimizer = getattr(torch.optim, settings.pop("type"))(self.trained, **settings)
        self.max_norm = (cfg.optim_wrapper.get("clip_grad") or {}).get("max_norm")

    def epoch(self) -> None:
        """Train on every batch, and compute the metrics of the validation split."""
        self.model.train()
        for batch in self.train:
            batch = self.model.data_preprocessor(batch, True)
            self.optimizer.zero_grad()
            sum(self.model(**batch, mode="loss").values()).backward()
            if self.max_norm is not None:
                nn.utils.clip_grad_norm_(self.trained, self.max_norm)
            self.optimizer.step()
        self._validate()

    @torch.no_grad()
    def _validate(self) -> None:
        self.model.eval()
        predictions, labels = [], []
        for batch in self.val:
            batch = self.model.data_preprocessor(batch, False)
            predictions.append(self.model(batch["inputs"]).prediction)
            labels += [sample.label for sample in batch["data_samples"]]
        msa_metrics(torch.cat(predictions).flatten().numpy(), torch.cat(labels).numpy())


def sides(cfg: Config) -> dict[str, dict[str, Callable[[], object]]]:
    """An epoch of each side."""
    runner = Runner.from_cfg(cfg)
    bare = BareLoop(
        deepcopy(runner.model),
        cfg,
        runner.build_dataloader(cfg.train_dataloader, seed=0),
        runner.build_dataloader(cfg.val_dataloader, seed=0),
    )
    return {"bare": {"epoch": bare.epoch}, "runner": {"epoch": _epochs(runner)}}


def _epochs(runner: Runner) -> Callable[[], Any]:
    """Begin the training of ``runner``, and return what runs one more epoch with validation."""
    loop = runner.build_train_loop(runner.cfg.train_cfg)
    runner._train_loop = loop
    runner._val_loop = runner.build_val_loop(runner.cfg.val_cfg)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.cfg.optim_wrapper)
    runner.param_schedulers = runner.build_param_scheduler(runner.cfg.param_scheduler)
    runner.optim_wrapper.initialize_count_status(runner.model, 0, loop._max_iters)
    for moment in ("before_run", "before_train"):
        runner.call_hook(moment)

    def epoch() -> None:
        loop.run_epoch()
        runner.val_loop.run()

    return epoch


def main(arguments: Sequence[str] | None = None) -> None:
    """Print seconds an epoch, and the ratio to the bare loop's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=CONFIG)
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, default={})
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args(arguments)
    epochs = 1 if args.quick else args.epochs
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        options = {
            **(QUICK if args.quick else {}),
            "train_cfg.max_epochs": epochs + 1,
            "log_level": "WARNING",
            **args.cfg_options,
        }
        cfg = load_config(args.config, options, work_dir=folder)
        seconds = take_turns(sides(cfg), epochs)
    bare = seconds["bare", "epoch"]
    report(
        [
            {"side": side, "epoch, s": value, "times the bare loop": value / bare}
            for (side, _), value in seconds.items()
        ],
        args.out,
    )


if __name__ == "__main__":
    main()

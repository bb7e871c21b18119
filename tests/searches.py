"""A search over a tiny model on random features, and how to run it."""

import json
import re
import shlex

from killed_runs import CONFIG, in_child

from pgf_plugin.cli import main

SEARCH = """
val_evaluator = test_evaluator = dict(type="MSAMetric")
tune = dict(
    space={
        "optim_wrapper.optimizer.lr": dict(type="log", low=1e-3, high=1e-1),
        "model.head.dropout": dict(type="float", low=0.0, high=0.5),
        "train_cfg.max_epochs": dict(type="int", low=2, high=4),
        "model.pooling": ["mean", "cls"],
    },
    trials=4, sampler=dict(type="random", seed=1), pruner=None)
"""

NO_TEST = """
# This data set cannot be built.
test_dataloader = dict(test_dataloader, dataset=dict(type="NoisySynthetic", count=-1))
"""


class Search:
    """``pgf tune`` of one config in one work dir, in a process of its own each time.

    Attributes:
        config, work_dir: its files.
        argv: the command line.
    """

    def __init__(self, folder, more=""):
        self.config, self.work_dir = folder / "t.py", folder / "out"
        self.kill, self.printed = folder / "kill", folder / "printed"
        self.config.write_text(CONFIG.format(kill=self.kill) + SEARCH + more)
        self.argv = ["tune", str(self.config), "--work-dir", str(self.work_dir)]

    def __call__(self, *options, moment=None):
        """Run the command, with a signal at a moment; return its status and what it printed."""
        if moment is not None:
            self.kill.write_text(moment)
        status = in_child(lambda: main([*self.argv, *options]), self.printed)
        self.kill.unlink(missing_ok=True)
        return status, self.printed.read_text()

    def records(self):
        """The trials' files by number, without times."""
        return [
            {key: value for key, value in json.loads(path.read_text()).items() if key != "seconds"}
            for path in sorted(self.work_dir.glob("trials/*/trial.json"))
        ]


def next_command(printed):
    """The words of the command that is suggested."""
    (command,) = re.findall(r"^Try next: python -m pgf_plugin (.*)$", printed, re.MULTILINE)
    return shlex.split(command)

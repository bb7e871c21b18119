"""Benches in processes of their own that are killed or interrupted, and what they end with."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from killed_runs import CONFIG, in_child, start_child

from pgf_plugin.cli import main

TIMES = ("train_seconds", "wall_seconds", "ms_per_utterance", "date", "fingerprint", "config")
BENCH = """
bench = dict(
    title="Killed", seeds=[0],
    models={"Mean": dict(model=model), "Last": dict(model=dict(model, pooling="cls"))})
model = dict()
"""


class BenchCommand:
    """``pgf bench`` of two small models, in a process of its own."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.work_dir, self.kill, self.output = folder / "out", folder / "kill", folder / "printed"
        config = folder / "bench.py"
        config.write_text(CONFIG.format(kill=self.kill) + BENCH + more)
        self.argv = ["bench", str(config), "--work-dir", str(self.work_dir)]

    def __call__(self, moment: str | None = None, *options: str) -> tuple[int, str]:
        """Run, with ``moment`` = count, signal and part of a trial's folder."""
        if moment is not None:
            self.kill.write_text(moment)
        status = in_child(lambda: main([*self.argv, *options]), self.output)
        return status, self.output.read_text()

    def start(self) -> int:
        """Run without waiting for the end, and return the pid."""
        return start_child(lambda: main(self.argv), self.output)

    def statuses(self) -> dict[str, dict]:
        """What the trials say of themselves, by folder."""
        files = self.work_dir.glob("*/*/status.json")
        return {str(f.parent.relative_to(self.work_dir)): json.loads(f.read_text()) for f in files}

    def results(self) -> list[dict]:
        """What ``results.json`` says of the trials, without times."""
        trials = json.loads((self.work_dir / "results.json").read_text())["trials"]
        return [{k: v for k, v in trial.items() if k not in TIMES} for trial in trials]

    def table(self) -> str:
        """The table without its last column, which is a time."""
        lines = (self.work_dir / "table.md").read_text().splitlines()
        return "\n".join(re.sub(r"\|[^|]*\|$", "|", line) for line in lines)


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    """Look until something is true."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)

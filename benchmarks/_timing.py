"""What the benchmarks share: medians of repeated runs, peak memory, and a report."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any


def measure(function: Callable[[], object], repeats: int) -> float:
    """Median seconds of ``repeats`` calls of ``function``."""
    seconds = []
    for _ in range(repeats):
        begin = perf_counter()
        function()
        seconds.append(perf_counter() - begin)
    return median(seconds)


def take_turns(
    sides: Mapping[str, Mapping[str, Callable[[], object]]],
    repeats: int,
    clock: Callable[[], float] = perf_counter,
) -> dict[tuple[str, str], float]:
    """Median seconds of each side and of what it does, after one round that is not timed.

    They take turns, so that what else the machine does slows all of them alike.
    """
    seconds: dict[tuple[str, str], list[float]] = {}
    for repeat in range(repeats + 1):
        for side, runs in sides.items():
            for what, run in runs.items():
                begin = clock()
                run()
                if repeat:  # the first is a warm-up
                    seconds.setdefault((side, what), []).append(clock() - begin)
    return {key: median(values) for key, values in seconds.items()}


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Append to the list, at the end, the bytes of resident memory that the block took at most.

    What was resident before, such as imports, does not count. Linux alone tells this, and a process
    tells it well once: run each side with :func:`run_alone`.
    """
    peak: list[int] = []
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    yield peak
    peak.append(_resident("VmHWM") - before)


def run_alone(script: str, *arguments: str) -> Any:
    """Run ``script`` in a process of its own, and return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, script, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def report(rows: Sequence[dict[str, Any]], out: str | None) -> None:
    """Print ``rows`` as a Markdown table, and write them to the JSON file ``out`` if given."""
    print(f"| {' | '.join(rows[0])} |\n|{'---|' * len(rows[0])}")
    for row in rows:
        cells = (f"{each:.4g}" if isinstance(each, float) else str(each) for each in row.values())
        print(f"| {' | '.join(cells)} |")
    if out:
        Path(out).write_text(json.dumps(list(rows), indent=2) + "\n")


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:"))

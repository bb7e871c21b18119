"""What starting costs: the import of this package beyond the engine's, and the cheap commands.

Fresh processes take turns. ``import pgf_plugin`` is timed inside its process, after torch and
``mmengine.runner``; all else from the start of a process to its end, with the start of Python.
Modules are read from their bytecode, as where the package is installed.

    python benchmarks/imports.py [--repeats 5] [--out imports.json]

``--quick`` takes the first repeat alone, which writes bytecode, to see that it runs.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from statistics import median
from time import perf_counter

from _timing import report

ENGINE = "import torch, mmengine.runner"
IMPORT = "import pgf_plugin"
BEYOND = f"{ENGINE}\nfrom time import perf_counter as t\nbegin = t()\n{IMPORT}\nprint(t() - begin)"

_COMMAND = "import sys\nfrom pgf_command import main\nsys.exit(main())"
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"

COMMANDS = (
    ("--help",),
    ("train", "--help"),
    ("config", "list"),
    ("list",),
)


def run(code: str, *arguments: str) -> str:
    """Run ``code`` in a fresh process, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != _NO_BYTECODE}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def seconds(code: str, *arguments: str) -> float:
    """Seconds of a fresh process that runs ``code``."""
    begin = perf_counter()
    run(code, *arguments)
    return perf_counter() - begin


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the median of each, beside that of the engine alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args(arguments)
    sides = {
        "torch + mmengine.runner": lambda: seconds(ENGINE),
        f"{IMPORT}, beyond them": lambda: float(run(BEYOND)),
        **{
            f"pgf {' '.join(command)}": lambda command=command: seconds(_COMMAND, *command)
            for command in COMMANDS
        },
    }
    found: dict[str, list[float]] = {side: [] for side in sides}
    for repeat in range(1 if args.quick else args.repeats + 1):
        for side, measured in sides.items():
            value = measured()
            if repeat or args.quick:  # the first writes bytecode
                found[side].append(value)
    engine = median(found["torch + mmengine.runner"])
    rows = [
        {"what": side, "median, s": median(values), "times the engine": median(values) / engine}
        for side, values in found.items()
    ]
    report(rows, args.out)


if __name__ == "__main__":
    main()

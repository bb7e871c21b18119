"""What an import costs: which libraries it may bring, and which it must leave alone."""

import subprocess
import sys
from pathlib import Path

import pytest
from forked import FreshProcesses

from pgf_command.parser import COMMANDS

HEAVY = ("matplotlib", "pandas", "pyarrow", "sklearn", "torchmetrics", "h5py", "optuna", "ray")
"""Libraries that mmengine's runner does not bring."""


@pytest.fixture(scope="module")
def processes():
    with FreshProcesses() as server:
        yield server


def loaded(code: str) -> set[str]:
    """Names of the packages that a new process has after ``code``."""
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def command(*arguments: str) -> str:
    """Code that runs ``pgf`` as the shell does."""
    return f"""
import sys
from contextlib import suppress
from pgf_command import main
sys.argv = {["pgf", *arguments]!r}
with suppress(SystemExit):
    main()
"""


@pytest.mark.slow
def test_importing_the_package_brings_nothing_beyond_the_engine():
    engine = loaded("import torch, mmengine.runner")
    brought = loaded("import torch, mmengine.runner, pgf_plugin") - engine
    assert brought == {"pgf_command", "pgf_plugin"}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), (), ("trian",)])
def test_help_and_what_is_no_command_import_no_part_of_the_package(arguments):
    brought = loaded(command(*arguments))
    assert "pgf_command" in brought
    assert brought.isdisjoint({"pgf_plugin", "torch", "mmengine", "numpy"})


@pytest.mark.slow
def test_help_and_listings_import_no_library_that_they_do_not_use():
    asked = [command(name, "--help") for name in COMMANDS]
    brought = loaded("".join([*asked, command("config", "list"), command("list")]))
    assert "pgf_plugin" in brought
    assert brought.isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "part",
    [
        *("explain.study", "explain.write", "profiling.run"),
        *("evaluation.statistics", "evaluation.look_sums", "tables", "json_files"),
    ],
)
def test_what_stands_below_the_bench_does_not_need_it(part, processes, tmp_path):
    script = f"import sys, pgf_plugin.{part}; print('pgf_plugin.bench' in sys.modules)"
    assert processes.run(tmp_path, script) == (0, "False")


def test_the_shell_runs_this_command():
    shell = Path(sys.executable).with_name("pgf")
    if not shell.exists():
        pytest.skip("the package is not installed beside this Python")
    done = subprocess.run([shell, "trian"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "invalid choice: 'trian'" in done.stderr

"""``pgf bench``: trains several models for several seeds and compares them."""

import argparse
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pgf_plugin.cli.options import add_config, add_work_dir
from pgf_plugin.config import load_config
from pgf_plugin.plugin import load_entry_points

if TYPE_CHECKING:
    from pgf_plugin.bench import TrialResult


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "bench", help="train several models and compare them", description=__doc__
    )
    add_config(parser)
    add_work_dir(parser)
    parser.add_argument("--models", nargs="+", metavar="NAME", help="only these of bench.models")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="instead of bench.seeds")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark that the config describes; 1 if a trial failed."""
    from pgf_plugin.bench import run_bench

    load_entry_points()
    options = args.cfg_options or {}
    of_bench = {key: value for key, value in options.items() if key.startswith("bench.")}
    cfg = load_config(args.config, of_bench, work_dir=args.work_dir)
    bench = run_bench(
        cfg,
        cfg.work_dir,
        models=args.models,
        seeds=args.seeds,
        cfg_options={key: value for key, value in options.items() if key not in of_bench},
        encoder=args.encoder,
        data_root=args.data_root,
    )
    finished = [result for result in bench.results if result.status == "finished"]
    if finished:
        print(_next_command(bench.work_dir, finished[0]))
    return int(len(finished) < len(bench.results))


def _next_command(work_dir: Path, result: "TrialResult") -> str:
    """Suggest a prediction with the first trained model, as it can be typed from here."""
    from pgf_plugin.bench import trial_folder

    folder = trial_folder(work_dir, result.model, result.seed)
    command = [
        *_program(),
        *("predict", str(folder / "config.py"), str(folder / (result.checkpoint or ""))),
        *("--text", "the plot was wonderful but the ending felt weak"),
    ]
    return f"\nTry next: {shlex.join(command)}"


def _program() -> list[str]:
    """How this program was started, as short as it can be typed from here."""
    started = Path(sys.argv[0]).absolute()
    if started.stem != "pgf":
        return ["python", "-m", "pgf_plugin"]
    here = Path.cwd()
    if started.is_relative_to(here):  # under tox `pgf` is found now, but not after it has ended
        return [str(started.relative_to(here))]
    found = shutil.which("pgf")
    return ["pgf" if found and Path(found).absolute() == started else str(started)]

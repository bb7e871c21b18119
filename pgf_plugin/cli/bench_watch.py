"""``pgf bench watch``: shows how a bench gets on, from any shell."""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "bench-watch",
        prog="pgf bench watch",
        help="show how a bench gets on; also `pgf bench watch`",
        description=__doc__,
    )
    parser.add_argument("folder", metavar="DIR", help="folder of the bench, its --work-dir")
    parser.add_argument(
        "--once", action="store_true", help="print it once and end, as where this is no terminal"
    )
    parser.add_argument(
        "--interval", type=float, default=1.0, metavar="SECONDS", help="between two looks"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the bench until it ends, or once; Ctrl-C ends the showing alone."""
    from pgf_plugin.bench.watch import look, render
    from pgf_plugin.errors import check_positive

    interval = check_positive("--interval", args.interval)
    folder, console = Path(args.folder), Console(file=sys.stdout)
    if args.once or not console.is_terminal:
        console.width = console.width if console.is_terminal else max(console.width, 120)
        console.print(render(look(folder)))
        return 0
    try:
        with Live(render(look(folder)), console=console, auto_refresh=False) as live:
            while True:
                view = look(folder)
                live.update(render(view), refresh=True)
                if not view.running:
                    return 0
                time.sleep(interval)
    except KeyboardInterrupt:
        return 0

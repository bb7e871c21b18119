"""Writes what a bench leaves behind, and prints its table."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pgf_plugin.bench.collect import Row, by_dataset
from pgf_plugin.bench.corruption_plot import save_corruption_plot
from pgf_plugin.bench.execute import explained
from pgf_plugin.bench.frame import write_frame
from pgf_plugin.bench.latex import latex_tables
from pgf_plugin.bench.plot import marked, save_plot
from pgf_plugin.bench.published import Published, published_on
from pgf_plugin.bench.report import write_report as write_page
from pgf_plugin.bench.result import SCHEMA_VERSION, TrialResult
from pgf_plugin.bench.robustness import (
    FRAME_FILE,
    failures,
    panels,
    panels_json,
    panels_text,
    write_panels_frame,
)
from pgf_plugin.bench.seeds_table import provenance_text, seeds_table
from pgf_plugin.bench.table import caption, markdown_table, terminal_tables
from pgf_plugin.checkpoint_files import AtomicLocalBackend
from pgf_plugin.config.problem import count
from pgf_plugin.console import print_plain
from pgf_plugin.json_files import write_json
from pgf_plugin.tables import markdown_text

if TYPE_CHECKING:
    from pgf_plugin.bench.run import BenchResult

SELECTION = "best validation {metric}; the test set was evaluated once, on that checkpoint"
RESULTS_FILE = "results.json"

_NAMED = 4
"""Trials that are named where some are left out."""


def write_report(
    bench: "BenchResult", title: str, published: Sequence[Published] = ()
) -> dict[str, Path]:
    """Write tables, JSON, plot and page; return the files that there are, by what they are."""
    files = {
        "Table": bench.work_dir / "table.md",
        "LaTeX": bench.work_dir / "table.tex",
        "JSON": bench.work_dir / RESULTS_FILE,
        "Data": write_frame(bench.results, bench.work_dir),
        "Plot": bench.work_dir / "comparison.png",
    }
    backend = AtomicLocalBackend()
    backend.put_text(_markdown(bench, title, published), files["Table"])
    notes = {
        dataset: _notes(rows, [each for each in bench.results if each.dataset == dataset])
        for dataset, rows in by_dataset(bench.rows).items()
    }
    tex = latex_tables(bench.rows, title, notes, published)
    backend.put_text(tex, files["LaTeX"])
    content = {
        "schema_version": SCHEMA_VERSION,
        "title": title,
        "selection": _selection(bench.results),
        "trials": [asdict(result) for result in bench.results],
        "rows": [_statistics(row) for row in bench.rows],
        "corruptions": panels_json(panels(bench.results)),
        "published": [each._asdict() for each in published],
    }
    write_json(files["JSON"], content)
    files |= _write_corruptions(bench, title)
    if any(row.seeds for row in bench.rows):
        save_plot(bench.rows, bench.results, title, files["Plot"], published)
    else:
        files.pop("Plot").unlink(missing_ok=True)  # an earlier one would show other trials
    files["Report"] = write_page(
        bench.rows,
        bench.results,
        bench.work_dir,
        title,
        selection=_selection(bench.results),
        published=published,
    )
    return files


def _write_corruptions(bench: "BenchResult", title: str) -> dict[str, Path]:
    """Write what only a bench with corrupted test sets has; what an earlier one left goes."""
    files = {
        "Tests": bench.work_dir / FRAME_FILE,
        "Lines": bench.work_dir / "corruptions.png",
    }
    found = panels(bench.results)
    if not found:
        for path in files.values():
            path.unlink(missing_ok=True)
        return {}
    write_panels_frame(bench.results, bench.work_dir)
    save_corruption_plot(found, marked(title, bench.results), files["Lines"])
    return files


def print_report(
    bench: "BenchResult",
    title: str,
    files: dict[str, Path],
    console: Console,
    published: Sequence[Published] = (),
) -> None:
    """Print the tables, what must be said beside them, and where the files are."""
    console.print()
    for dataset, rows in by_dataset(bench.rows).items():
        name = f"{title}: {dataset}" if dataset else title
        beside = published_on(dataset, published)
        for table in terminal_tables(rows, name, console.width, beside):
            console.print(table)
    for note in _notes_below(bench, published):
        print_plain(console, note)
    console.print()
    for name, path in files.items():
        print_plain(console, f"{name + ':':<7} {path}")
    for result in bench.results:
        if result.status == "failed":
            where = explained(result.folder(bench.work_dir))
            print_plain(console, f"Failed: {result.label}, seed {result.seed}, see {where}")
    for failure in failures(bench.results):
        print_plain(console, f"Failed: {failure}")


def _markdown(bench: "BenchResult", title: str, published: Sequence[Published]) -> str:
    tables, seeds = [], []
    for dataset, rows in by_dataset(bench.rows).items():
        heading = f"## {markdown_text(dataset)}\n\n" if dataset else ""
        tables.append(heading + markdown_table(rows, published_on(dataset, published)))
        seeds.append((heading and f"#{heading}") + seeds_table(rows, bench.results))
    notes = [f"{markdown_text(note)}\n" for note in _notes_below(bench, published)]
    parts = [f"# {markdown_text(title)}\n", *tables, *notes]
    if text := panels_text(bench.results):
        parts.append(text)
    parts += ["## Every seed\n", *seeds]
    if text := provenance_text(bench.results):
        parts += ["## What the numbers stand on\n", text]
    return "\n".join(parts)


def _statistics(row: Row) -> dict[str, Any]:
    """Interval and comparison of a row, as JSON has them."""
    against = row.against
    return {
        "model": row.model,
        "dataset": row.dataset,
        "setting": row.setting,
        "interval": row.interval._asdict() if row.interval else None,
        "against": {**against._asdict(), "verdict": against.verdict} if against else None,
        "stands_out": row.stands_out,
    }


def _selection(results: Sequence[TrialResult]) -> str:
    """How the checkpoints were chosen: all of a bench by one metric."""
    return SELECTION.format(metric=results[0].selection)


def _notes_below(bench: "BenchResult", published: Sequence[Published]) -> list[str]:
    """What must be said below all tables of a bench."""
    notes = [*_notes(bench.rows, bench.results), *(each.note for each in published)]
    if not bench.left_out:
        return notes
    named = "; ".join(bench.left_out[:_NAMED])
    more = f"; {len(bench.left_out) - _NAMED} more" if len(bench.left_out) > _NAMED else ""
    number = count(len(bench.left_out), "finished trial")
    are = "is" if len(bench.left_out) == 1 else "are"
    told = f"{number} of this folder {are} not in the table, as not asked for: {named}{more}."
    return [*notes, told]


def _notes(rows: Sequence[Row], results: Sequence[TrialResult]) -> list[str]:
    """What must be said beside the table."""
    finished = [result for result in results if result.status == "finished"]
    about = dict.fromkeys(result.data["note"] for result in finished if result.data.get("note"))
    chosen = [f"Checkpoint: {_selection(results)}."] if finished else []
    return [*about, *caption(rows), *chosen]

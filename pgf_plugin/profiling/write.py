"""Shows a profile in the terminal, and writes it as JSON, Markdown and a plot."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pgf_plugin.checkpoint_files import AtomicLocalBackend
from pgf_plugin.console import new_table, open_console, print_plain
from pgf_plugin.json_files import write_json
from pgf_plugin.profiling.plot import save_plot
from pgf_plugin.profiling.result import Profile
from pgf_plugin.profiling.table import Section, notes, sections
from pgf_plugin.tables import markdown_lines, markdown_text

_WIDTH = 140
"""Columns of a table that is not shown on a terminal."""


def print_profile(profile: Profile, console: Console | None = None) -> None:
    """Print the tables and what they stand on, to the standard output by default."""
    console = open_console(console, _WIDTH)
    for section in sections(profile):
        console.print(_terminal_table(section))
    for note in notes(profile):
        print_plain(console, note)


def write_profile(profile: Profile, folder: str | Path) -> dict[str, Path]:
    """Write ``profile.json``, ``profile.md`` and ``profile.png``; return them by what they are.

    Raises:
        OSError: if the folder cannot be made or written to.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {"JSON": "json", "Table": "md", "Plot": "png"}
    files = {kind: folder / f"profile.{suffix}" for kind, suffix in kinds.items()}
    write_json(files["JSON"], profile.to_json())
    AtomicLocalBackend().put_text(markdown(profile), files["Table"])
    save_plot(profile, files["Plot"])
    return files


def markdown(profile: Profile) -> str:
    """The same tables and notes as Markdown."""
    parts = ["# Profile"]
    for title, headings, rows in sections(profile):
        cells = [[markdown_text(row[0]), *row[1:]] for row in rows]
        parts += [f"## {title}", markdown_lines(list(map(markdown_text, headings)), cells).strip()]
    parts += [markdown_text(note) for note in notes(profile)]
    return "\n\n".join(parts) + "\n"


def _terminal_table(section: Section) -> Table:
    table = new_table(section.title)
    for place, heading in enumerate(section.headings):
        table.add_column(
            Text(heading), justify="right" if place else "left", overflow="fold", no_wrap=place > 0
        )
    for row in section.rows:
        table.add_row(*map(Text, row))
    return table

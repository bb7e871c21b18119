"""From the results of a bench to ``report.html``."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from string import Template

from pgf_plugin import __version__
from pgf_plugin.bench.collect import Row
from pgf_plugin.bench.published import Published
from pgf_plugin.bench.report.contents import Contents
from pgf_plugin.bench.report.markup import embed_json, tag
from pgf_plugin.bench.report.sections import all_sections, heading, metric_chooser
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.checkpoint_files import AtomicLocalBackend

REPORT_FILE = "report.html"


def write_report(
    rows: Sequence[Row],
    results: Sequence[TrialResult],
    work_dir: str | Path,
    title: str,
    *,
    selection: str = "",
    notes: Sequence[str] = (),
    published: Sequence[Published] = (),
) -> Path:
    """Write ``report.html``: tables, charts, pictures of gates and attention, and worst errors.

    The file needs no network and no other file. Whatever comes from outside (names, texts, errors)
    stands in it as text. Predictions and looks are read from the folders of the trials; what is
    absent there is left out of the report.

    Args:
        rows: the table of the bench, with its intervals and comparisons.
        results: every trial, failed ones too.
        work_dir: folder of the bench.
        title: of the bench.
        selection: by which rule checkpoints were chosen.
        notes: sentences for the head of the report, beside what the datasets say of themselves.
        published: numbers of publications; they are shown beside the rows, and marked.

    Returns:
        path of the file.
    """
    contents = Contents(title, rows, results, Path(work_dir), selection, published)
    written = datetime.now().astimezone().isoformat(" ", "minutes")
    path = contents.work_dir / REPORT_FILE
    AtomicLocalBackend().put_text(_page(contents, notes, written), path)
    return path


def _page(contents: Contents, notes: Sequence[str], written: str) -> str:
    script, sections = _part("page.js"), all_sections(contents)
    links = (tag("li", tag("a", part.short, href=f"#{part.key}")) for part in sections)
    data = {
        "title": contents.title,
        "selection": contents.selection,
        "written": written,
        "version": __version__,
        "trials": [asdict(result) for result in contents.results],
    }
    return Template(_part("page.html")).substitute(
        title=tag("title", contents.title),
        # Only this script may run, wherever else one would come from, and nothing may be loaded.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        style=_part("page.css"),
        script=script,
        chooser=metric_chooser(contents),
        heading=heading(contents, notes, written),
        links="".join(links),
        sections="".join(part.draw() for part in sections),
        data=embed_json(data),
    )


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")

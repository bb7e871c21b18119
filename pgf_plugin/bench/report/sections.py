"""The sections of a report in their order, and its head."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pgf_plugin import __version__
from pgf_plugin.bench.report.contents import Contents
from pgf_plugin.bench.report.costs import cost_charts
from pgf_plugin.bench.report.curves import curve_panels
from pgf_plugin.bench.report.differences import difference_charts
from pgf_plugin.bench.report.gates import gate_pictures
from pgf_plugin.bench.report.marks import Marks
from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.report.robustness import robustness
from pgf_plugin.bench.report.seeds import seed_charts
from pgf_plugin.bench.report.setups import Setups
from pgf_plugin.bench.report.tables import errors_table, rows_table, trials_table
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.bench.table import caption


class Section(NamedTuple):
    """A part of the report.

    Attributes:
        key: its anchor.
        short: its name among the links.
        name: its heading.
        lead: what to know before reading it.
        content: what it shows; None or empty leaves it out.
    """

    key: str
    short: str
    name: str
    lead: str
    content: Markup | None

    def draw(self) -> Markup:
        """The section as HTML."""
        lead = tag("p", self.lead, class_="lead") if self.lead else None
        return tag("section", tag("h2", self.name), lead, self.content, id=self.key)


def all_sections(contents: Contents) -> list[Section]:
    """Every section that has something to show."""
    marks, setups = Marks(contents.models), Setups(contents)
    lead = " ".join(_said(contents))
    differences = difference_charts(contents, marks)
    setups_table = _boxed(setups.table())
    parts = (
        Section("results", "Results", "Results", lead, rows_table(contents, marks)),
        Section("failed", "Failed", "Failed trials", "", _failed(contents)),
        Section("by-seed", "Seeds", "Every seed", _SEEDS, seed_charts(contents, marks)),
        Section(
            "corrupted", "Corrupted", "Corrupted test sets", _CORRUPTED, robustness(contents, marks)
        ),
        Section("costs", "Cost", "Quality against cost", _COSTS, _costs(contents, marks)),
        Section("differences", "Differences", "Differences", _DIFFERENCES, differences),
        Section(
            "curves", "Curves", "Learning curves", _curves(contents), curve_panels(contents, marks)
        ),
        Section("looks", "Gates", "Gates and attention", _LOOKS, gate_pictures(contents)),
        Section("worst", "Errors", "Worst errors", _ERRORS, errors_table(contents)),
        Section("every-trial", "Trials", "Trials", _TRIALS, trials_table(contents, setups)),
        Section("setups", "Setups", "What the numbers stand on", _SETUPS, setups_table),
    )
    return [part for part in parts if part.content]


def _said(contents: Contents) -> list[str]:
    """What must be said beside the results."""
    said = caption(contents.rows)
    others = [metric.name for metric in contents.metrics if metric.name != "MAE"]
    if any(contents.interval(row, name) for row in contents.finished for name in others):
        said.append("Intervals of all metrics but MAE: 95 %, bootstrap over seeds.")
    return [*said, *(each.note for each in contents.published)]


def _curves(contents: Contents) -> str:
    label = contents.chosen_by.label
    return f"Validation {label}, a line a seed; the dot is the checkpoint tested."


def heading(contents: Contents, notes: Sequence[str], written: str) -> Markup:
    """Title, what was compared and how, and what must be known of the data."""
    badge = tag("span", "planted audio or vision", class_="badge") if contents.planted else None
    finished = sum(result.status == "finished" for result in contents.results)
    failed = len(contents.results) - finished
    facts = {
        "Datasets": ", ".join(filter(None, contents.datasets)) or _sources(contents),
        "Models": ", ".join(contents.models),
        "Seeds": ", ".join(map(str, sorted({result.seed for result in contents.results}))),
        "Trials": f"{finished} finished" + (f", {failed} failed" if failed else ""),
        "Checkpoint": contents.selection,
        "Written": f"{written}, pgf_plugin {__version__}",
    }
    terms = (
        tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items() if value
    )
    told = [tag("p", note, class_="note") for note in dict.fromkeys([*contents.notes, *notes])]
    return join(tag("h1", contents.title, " " if badge else None, badge), tag("dl", *terms), *told)


def _sources(contents: Contents) -> str:
    """The data as they name themselves, where the bench has no name for them."""
    said = (result.data.get("source") or result.data.get("dataset") for result in contents.results)
    return ", ".join(dict.fromkeys(str(source) for source in said if source))


def _costs(contents: Contents, marks: Marks) -> Markup | None:
    charts = cost_charts(contents, marks)
    legend = marks.legend(list(dict.fromkeys(row.model for row in contents.finished)))
    return join(legend, tag("div", charts, class_="grid")) if charts else None


def metric_chooser(contents: Contents) -> Markup:
    """The field in which a reader chooses what the charts show; empty where there is no choice."""
    if len(contents.metrics) < 2:
        return Markup()
    options = (tag("option", metric.label, value=metric.name) for metric in contents.metrics)
    return tag("label", "Charts of ", tag("select", *options, id="metric"), class_="control")


def _failed(contents: Contents) -> Markup | None:
    items = [
        tag(
            "li",
            tag("strong", f"{result.label}, seed {result.seed}"),
            tag("pre", result.error or "no message", tabindex=0),
            tag("p", "Traceback: ", tag("code", _traceback(result)), class_="muted"),
        )
        for result in contents.results
        if result.status != "finished"
    ]
    return tag("ul", *items, class_="failures") if items else None


def _traceback(result: TrialResult) -> str:
    """Its file, as it is found from the folder of the bench."""
    return (result.folder(Path()) / "traceback.txt").as_posix()


def _boxed(table: Markup | None) -> Markup | None:
    if table is None:
        return None
    return tag("div", table, class_="scroll box", tabindex=0, role="region", aria_label="Setups")


_SEEDS = (
    "Dots are seeds, the upright stroke is their mean, the bar its 95 % interval. Hollow diamonds "
    "are published numbers."
)
_CORRUPTED = (
    "The checkpoints of the results above, not trained again, on test sets that were corrupted; "
    "the test set as it is comes first. Dots are means over seeds, upright strokes a standard "
    "deviation to either side."
)
_COSTS = (
    "Means over seeds. The stepped line and the rings mark the Pareto front: nothing that costs as "
    "little is better."
)
_DIFFERENCES = (
    "Each row against the reference if one was named, each setting against its model as it is "
    "(without such a row, against its first setting); paired by seed. MAE against the reference: "
    "interval, corrected p and verdict of the results above. All others: a paired t-test over the "
    "seeds, of three or more, not corrected for their number."
)
_LOOKS = (
    "What each fused layer does on the test set. A gate of 1 keeps the language, a gate of 0 "
    "replaces it by what the cross-attention brought."
)
_ERRORS = "Absolute error, the mean over seeds; the furthest utterances of each row."
_TRIALS = "Every seed that was run; setups are listed below."
_SETUPS = "Encoder, data, versions and device of the trials."

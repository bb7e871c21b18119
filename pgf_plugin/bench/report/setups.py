"""What the numbers stand on: encoder, data, versions and device, each different setup once."""

from pgf_plugin.bench.basis import provenance
from pgf_plugin.bench.report.contents import Contents
from pgf_plugin.bench.report.markup import Markup, join, tag
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.json_files import json_text


class Setups:
    """The setups of the trials of a report, numbered as they come.

    Args:
        contents: the report.
    """

    def __init__(self, contents: Contents) -> None:
        self._found: dict[str, dict[str, str]] = {}
        self._numbers: dict[int, int] = {}
        places: dict[str, int] = {}
        for result in contents.results:
            if result.status == "finished":
                setup = provenance(result)
                key = json_text(setup)
                self._found.setdefault(key, setup)
                self._numbers[id(result)] = places.setdefault(key, len(places) + 1)

    def number(self, result: TrialResult) -> int | None:
        """Number of the setup of a trial; None where it did not finish."""
        return self._numbers.get(id(result))

    def table(self) -> Markup | None:
        """One column a setup; what differs between them is marked."""
        setups = list(self._found.values())
        if not setups:
            return None
        heads = (tag("th", f"setup {n}", scope="col") for n in range(1, len(setups) + 1))
        keys = list(dict.fromkeys(key for setup in setups for key in setup))
        rows = (_row(key, [setup.get(key, "") for setup in setups]) for key in keys)
        return tag(
            "table",
            tag("caption", "Setups of the trials", class_="hidden"),
            tag("thead", tag("tr", tag("td"), *heads)),
            tag("tbody", *rows),
        )


def _row(key: str, values: list[str]) -> Markup:
    differs = len(set(values)) > 1
    cells = join(*(tag("td", value) for value in values))
    mark = tag("span", "differs", class_="badge") if differs else None
    return tag("tr", tag("th", key, mark, scope="row"), cells)

"""Cells of tables, and tables as Markdown."""

import re
from collections.abc import Sequence

EN_DASH = MISSING = "\N{EN DASH}"
"""Stands for what was not measured or is not defined."""


def format_count(count: int | None) -> str:
    """``1234567`` -> ``'1.23 M'``."""
    if count is None:
        return MISSING
    if count < 1000:
        return str(count)
    return f"{count / 1e6:.2f} M" if count >= 1e5 else f"{count / 1e3:.1f} k"


def markdown_lines(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table of ready cells, the first column to the left and the others to the right."""
    all_lines = [
        [heading.replace("\n", " ") for heading in headings],
        ["---", *["---:"] * (len(headings) - 1)],
        *lines,
    ]
    first, rule, *rest = (" | ".join(line) for line in all_lines)
    return "\n".join(
        [f"| {first} |", f"|{rule.replace(' ', '')}|", *(f"| {r} |" for r in rest), ""]
    )


def markdown_text(text: str) -> str:
    """Return ``text`` on one line, with what Markdown would read as markup escaped."""
    return re.sub(r"([\\`*\[\]<|])", r"\\\1", " ".join(text.split()))

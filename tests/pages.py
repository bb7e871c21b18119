"""The commands and files of a page of the documentation, and how a test runs them."""

import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from fresh import forget_mmengine

from pgf_plugin.cli import main


class Page:
    """A page in ``docs``, by its sections of the second level.

    Args:
        path: the Markdown file.
    """

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        parts = re.split(r"^## (.+)$", self.text, flags=re.M)
        self.sections = dict(zip(parts[1::2], parts[2::2], strict=True))

    def commands(self, section: str) -> list[str]:
        """The commands of a section, one a line, with continued lines joined."""
        text = "".join(_blocks(self.sections[section], "sh"))
        return re.sub(r" *\\\n *", " ", text).splitlines()

    def parts(self, section: str) -> dict[str, str]:
        """The subsections of a section."""
        split = re.split(r"^### (.+)$", self.sections[section], flags=re.M)
        return dict(zip(split[1::2], split[2::2], strict=True))

    def commands_before(self, section: str) -> Iterator[str]:
        """The commands of all sections before ``section``."""
        for name in itertools.takewhile(lambda name: name != section, self.sections):
            yield from self.commands(name)

    def write_files(self, section: str, folder: Path) -> None:
        """Write the Python files of a section, each of which begins with its name."""
        for block in _blocks(self.sections[section], "python"):
            (name,) = re.findall(r"\A# (\w+\.py)$", block, re.M)
            (folder / name).write_text(block, encoding="utf-8")


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def table_rows(text: str) -> list[list[str]]:
    """The cells of all tables in ``text``, one list a row, without headings."""
    lines = text.splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line, following in itertools.pairwise([*lines, ""])
        if line.startswith("| ") and not following.startswith("|--")
    ]


def codes(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def run(command: str, *overrides: str) -> int:
    """Run a ``pgf`` command as bash reads it, training for one epoch.

    The encoder is that of the environment variable PGF_ENCODER, not the one of the page.

    Args:
        command: the line.
        overrides: further ``--cfg-options`` of a command that trains.

    Returns:
        Its exit status.
    """
    told = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True, check=True
    )
    program, *arguments = told.stdout.split("\0")[:-1]
    assert program == "pgf"
    if "--encoder" in arguments:
        at = arguments.index("--encoder")
        del arguments[at : at + 2]
    if arguments[0] in ("train", "bench"):
        short = ("train_cfg.max_epochs=1", "train_dataloader.batch_size=3")
        arguments += ["--cfg-options", *short, *overrides]
    forget_mmengine()  # on the page, every command is a process of its own
    return main(arguments)

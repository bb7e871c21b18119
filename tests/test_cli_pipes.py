"""Commands whose output nobody reads end quietly, on real pipes."""

import os
import shlex
import subprocess
import sys
from contextlib import contextmanager

import pytest

from pgf_command.pipes import EXIT_UNREAD
from pgf_plugin.cli import main


@contextmanager
def unread_output(monkeypatch):
    """Standard output is a pipe without a reader; writing to it raises BrokenPipeError."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        yield
        stream.flush()  # as the interpreter does when it ends


def test_a_pipe_without_a_reader_ends_a_command_quietly(monkeypatch, capfd):
    with unread_output(monkeypatch):
        assert main(["list"]) == EXIT_UNREAD
    assert capfd.readouterr() == ("", "")


def test_help_to_a_pipe_without_a_reader(monkeypatch, capfd):
    with unread_output(monkeypatch), pytest.raises(SystemExit):
        main(["--help"])
    assert capfd.readouterr() == ("", "")


def test_an_error_is_told_although_nobody_reads_the_output(monkeypatch, capfd):
    with unread_output(monkeypatch):
        assert main(["params", "nowhere"]) == 1
    assert "neither a file nor the name" in capfd.readouterr().err


def test_without_an_output(monkeypatch, capfd):
    """As after ``pgf list >&-``."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["config", "list"]) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_the_first_line_alone():
    """With a shell's pipe, and an interpreter that ends."""
    script = f"{shlex.quote(sys.executable)} -m pgf_plugin list | head -1"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    assert line.split() == ["group", "name", "distribution", "paper", "purpose"]

"""Output that nobody reads any more, as after ``pgf list | head -1``."""

import io
import os
import select
import sys
from typing import TextIO

EXIT_UNREAD = 128 + 13
"""What a shell reports of a program that such a pipe (SIGPIPE) ended."""


def output_is_unread() -> bool:
    """Whether standard output is a pipe whose reader is gone."""
    try:
        descriptor = sys.stdout.fileno()
        sys.stdout.flush()
    except BrokenPipeError:
        return True
    except (AttributeError, ValueError, io.UnsupportedOperation):  # closed, or no file
        return False
    if not hasattr(select, "poll"):  # Windows
        return False
    poll = select.poll()
    poll.register(descriptor, 0)  # errors are reported whatever is asked for
    return any(event & select.POLLERR for _, event in poll.poll(0))


def drop_unread_output() -> None:
    """Write what is buffered, or drop it; else the interpreter complains when it ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # closed before Python began
            continue
        try:
            stream.flush()
        except BrokenPipeError:
            _send_to_nowhere(stream)
        except ValueError:  # closed
            continue


def _send_to_nowhere(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

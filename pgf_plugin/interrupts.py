"""Ctrl-C and SIGTERM: a run ends where it can go on, and a second one ends it at once."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_ECHO = 0.3
"""Seconds in which the same Ctrl-C may arrive twice: once itself, once from a program above."""


class Interrupted(KeyboardInterrupt):
    """A run ended because somebody asked it to.

    Attributes:
        signum: the signal.
        place: where the run was, such as ``'in epoch 2 of 5'``; empty outside the training.
    """

    def __init__(self, signum: int, place: str = "") -> None:
        super().__init__(signum)
        self.signum = signum
        self.place = place

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signum

    def __str__(self) -> str:
        """Say what happened."""
        what = "interrupted" if self.signum == signal.SIGINT else "ended by SIGTERM"
        return f"{what} {self.place}".rstrip()


class _Watch:
    """Takes the signals of one process.

    Attributes:
        requested: the signal that came, if any.
        deferring: whether the training looks at ``requested`` by itself; otherwise
            :class:`Interrupted` is raised where the program is.
    """

    def __init__(self) -> None:
        self.requested: int | None = None
        self.deferring = False
        self._pid = os.getpid()
        self._since = 0.0

    def take(self, signum: int, frame: FrameType | None) -> None:
        """Handle a signal; a forked worker of a data loader leaves it to its parent."""
        if os.getpid() != self._pid:
            return
        if self.requested is not None:
            if time.monotonic() - self._since > _ECHO:
                _say("stopped at once")
                os._exit(128 + signum)
            return
        self.requested, self._since = signum, time.monotonic()
        if not self.deferring:
            raise Interrupted(signum)
        _say("the run ends as soon as it can be resumed exactly; Ctrl-C again stops it at once")


_current = _Watch()


@contextmanager
def watched_signals() -> Iterator[None]:
    """Take Ctrl-C and SIGTERM until the block ends; only in the main thread, which gets them.

    A signal that was ignored before, as under ``nohup``, stays ignored.

    Raises:
        Interrupted: when one comes; during a training at its next safe point.
    """
    global _current
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _current = _Watch()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    taken = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, _current.take)
    try:
        yield
    except Exception as error:
        pass_interruption(error)
        raise
    finally:
        for number in taken:
            signal.signal(number, before[number])
        _current = _Watch()


def requested_signal() -> int | None:
    """The signal that asked the run to end, None for none."""
    return _current.requested


def pass_interruption(error: BaseException) -> None:
    """Raise the interruption that became another error on its way, if there is one behind it.

    The engine formats configs under a bare ``except``, which makes a syntax error of it.

    Raises:
        Interrupted: in the place of ``error``.
    """
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, Interrupted):
            raise behind
        behind = behind.__cause__ or behind.__context__


def defer_signals(deferring: bool) -> None:
    """Let the training look at :func:`requested_signal` itself, or not any more."""
    _current.deferring = deferring


def _say(text: str) -> None:
    """Write to the terminal, past every buffer: a handler may run in the middle of a print."""
    os.write(2, f"\npgf: {text}\n".encode())

"""Scripts and programs in processes that need not import the libraries again."""

import json
import os
import runpy
import socket
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from killed_runs import in_child


def run_forked(work: Callable[[], object], folder: Path | None = None) -> tuple[int, str]:
    """Run ``work`` in a fork of this process, and return its status and what it printed.

    Args:
        work: what to do; a number that it returns, or exits with, is the status.
        folder: where to do it.
    """

    def guarded() -> object:
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        os.chdir(folder or ".")
        try:
            return work()
        except SystemExit as ended:
            return ended.code
        except BaseException:
            traceback.print_exc()
            raise

    with TemporaryDirectory() as place:
        output = Path(place) / "output.txt"
        status = in_child(guarded, output)
        return status, output.read_text()


def run_script(script: Path, *arguments: object, folder: Path | None = None) -> str:
    """Run a script as ``python SCRIPT ARGUMENTS`` would; return what it printed."""

    def work() -> None:
        sys.argv = [str(script), *map(str, arguments)]
        sys.path.insert(0, str(script.parent))
        runpy.run_path(str(script), run_name="__main__")

    status, printed = run_forked(work, folder)
    assert status == 0, printed
    return printed


_SERVER = """
import json, os, socketserver, sys, traceback

sys.modules["pkg_resources"] = None  # setuptools 82 and newer have none
import matplotlib.pyplot, mmengine.runner, pandas, peft, torchmetrics, transformers

assert not any(name.split(".")[0] == "pgf_plugin" for name in sys.modules)


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        folder, program, arguments = json.loads(self.rfile.readline())
        for descriptor in (1, 2):
            os.dup2(self.connection.fileno(), descriptor)
        os.chdir(folder)
        sys.argv, status = ["-c", *arguments], 0
        try:
            exec(program, {"__name__": "__main__"})
        except BaseException:
            traceback.print_exc()
            status = 1
        print(f"\\n{status}", flush=True)


class Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    pass


Server(sys.argv[1], Handler).serve_forever()
"""


class FreshProcesses:
    """Runs programs in processes that know the libraries, and nothing of this package.

    A process that has imported the libraries, mmengine among them, is forked for each program: what
    is registered and imported of this package is as in a new one.
    """

    def __init__(self) -> None:
        self._place = TemporaryDirectory()
        self._address = os.path.join(self._place.name, "socket")
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment = {**kept, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-c", _SERVER, self._address]
        self._server = subprocess.Popen(command, cwd=self._place.name, env=environment)

    def __enter__(self) -> "FreshProcesses":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        self._server.kill()
        self._server.wait()
        self._place.cleanup()

    def run(self, folder: Path, program: str, *arguments: str) -> tuple[int, str]:
        """Run ``program`` in ``folder``; return its status and what it printed."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(120)
            self._connect(client)
            client.sendall(json.dumps([str(folder), program, arguments]).encode() + b"\n")
            told = b"".join(iter(lambda: client.recv(2**16), b"")).decode()
        printed, _, status = told.rstrip().rpartition("\n")
        return int(status), printed.rstrip()

    def _connect(self, client: socket.socket) -> None:
        for _ in range(1200):
            try:
                return client.connect(self._address)
            except (FileNotFoundError, ConnectionRefusedError):
                assert self._server.poll() is None, "the server ended"
                time.sleep(0.1)
        raise TimeoutError("the server does not answer")

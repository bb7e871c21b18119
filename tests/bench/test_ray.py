"""Trials as tasks of Ray: two nodes on this machine, one of which is killed."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from killed_benches import BenchCommand, wait_until
from killed_runs import assert_same, start_child

from pgf_plugin.bench.executors.ray import SHARED_FILE, RayExecutor, check_shared
from pgf_plugin.errors import WorkDirError

pytest.importorskip("ray", reason="extra [ray] is not installed")

IMPORTS = 'custom_imports = dict(imports=["killed_runs"])\n'
LONG = IMPORTS + "train_cfg.update(max_epochs=60)\n"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> BenchCommand:
    bench = BenchCommand(tmp_path_factory.mktemp("undisturbed"), LONG)
    status, printed = bench()
    assert status == 0, printed
    return bench


class TwoNodes:
    """A cluster in a process of its own: Ray's threads must not be in one that forks."""

    def __init__(self, folder: Path, bench: BenchCommand, lose: str | None = None) -> None:
        self.address, self.stop = folder / "address", folder / "stop"
        self.bench, self.lose = bench, lose
        self.pid = start_child(self._serve, folder / "cluster.txt")
        wait_until(self.address.exists)

    def end(self) -> None:
        self.stop.touch()
        assert os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]) == 0

    def _serve(self) -> None:
        from ray.cluster_utils import Cluster

        os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        try:
            nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
            cluster.wait_for_nodes()
            self.address.with_suffix(".tmp").write_text(cluster.address)
            self.address.with_suffix(".tmp").rename(self.address)
            if self.lose is not None:
                wait_until(lambda: len(self._status().get("curve", [])) > 1, seconds=60)
                lost = self._node_of(self._status()["pid"], nodes)
                cluster.remove_node(lost, allow_graceful=False)
            wait_until(self.stop.exists, seconds=60)
        finally:
            cluster.shutdown()

    def _status(self) -> dict:
        return self.bench.statuses().get(self.lose, {})

    def _node_of(self, pid: int, nodes: list):
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        raylets = {node: node.all_processes["raylet"][0].process.pid for node in nodes}
        return next(node for node, raylet in raylets.items() if raylet == parent)


@pytest.mark.slow
def test_a_lost_node_loses_nothing(undisturbed, tmp_path):
    bench = BenchCommand(tmp_path, LONG)
    nodes = TwoNodes(tmp_path, bench, lose="Mean/seed_0")
    address = nodes.address.read_text()
    more = f'bench["executor"] = dict(type="ray", address="{address}")\n'
    bench = BenchCommand(tmp_path, LONG + more)
    status, printed = bench()
    nodes.end()
    assert status == 0, printed
    assert "Mean, seed 0: goes on after epoch" in printed
    assert_same(bench.results(), undisturbed.results())
    assert [trial["model"] for trial in bench.results()] == ["Mean", "Last"]
    assert not list(bench.work_dir.rglob(SHARED_FILE))


@pytest.mark.slow
def test_a_bench_on_this_machine_alone_ends_at_a_signal_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    more = IMPORTS + "train_cfg.update(max_epochs=100)\n"
    bench = BenchCommand(tmp_path, more + 'bench["executor"] = dict(type="ray")\n')
    driver = bench.start()
    wait_until(lambda: any(len(s["curve"]) > 2 for s in bench.statuses().values()), seconds=120)
    os.kill(driver, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(driver, 0)[1]) == 143
    printed = bench.output.read_text()
    assert "pgf bench: ended by SIGTERM. Finished trials are kept" in printed
    assert "Traceback" not in printed
    states = [status["state"] for status in bench.statuses().values()]
    assert set(states) <= {"interrupted", "finished"}
    status, printed = bench()
    assert status == 0, printed
    assert "goes on after epoch" in printed
    assert [len(trial["learning_curve"]) for trial in bench.results()] == [100, 100]


def test_a_folder_that_a_node_does_not_share_is_named(tmp_path):
    with pytest.raises(WorkDirError, match=rf"{socket.gethostname()} does not share {tmp_path}"):
        check_shared(tmp_path, "token", patience=0.1)
    (tmp_path / SHARED_FILE).write_text("that of another machine")
    with pytest.raises(WorkDirError, match="every node of the Ray cluster has at the same path"):
        check_shared(tmp_path, "token", patience=0.1)
    (tmp_path / SHARED_FILE).write_text("token")
    check_shared(tmp_path, "token", patience=0.1)


def refused(tmp_path: Path, executor: str) -> tuple[float, str]:
    bench = BenchCommand(tmp_path, f'bench["executor"] = {executor}\n')
    since = time.monotonic()
    status, printed = bench()
    assert status == 1, printed
    return time.monotonic() - since, printed


def test_an_address_that_does_not_answer_ends_within_seconds(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    seconds, printed = refused(tmp_path, f"dict(type='ray', address='{address}')")
    assert f"bench.executor.address: nothing answers at '{address}'" in printed
    assert "ray start --head" in printed
    assert seconds < 15


@pytest.mark.slow
def test_a_port_of_something_else_ends_within_seconds(tmp_path):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        seconds, printed = refused(tmp_path, f"dict(type='ray', address='{address}')")
    assert f"bench.executor.address: no Ray cluster answers at '{address}'" in printed
    assert seconds < 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(num_cpus=-1), "num_cpus must be"),
        (dict(num_gpus="all"), "num_gpus must be"),
        (dict(retries=1.5), "retries must be an integer >= 0"),
        (dict(address=""), "address must be a string"),
        (dict(workers=0), "workers must be an integer >= 1"),
    ],
)
def test_arguments_are_checked(arguments, said):
    with pytest.raises(ValueError, match=said):
        RayExecutor(**arguments)

"""Executors by name, what they refuse, and how a machine is divided."""

import pytest
import torch

from pgf_plugin.bench.executors import LocalExecutor, SerialExecutor, build
from pgf_plugin.bench.executors.capacity import Slot, slots
from pgf_plugin.errors import ConfigError

GIB = 2**30


def test_executors_are_found_by_name():
    assert isinstance(build(), SerialExecutor)
    assert isinstance(build("serial"), SerialExecutor)
    local = build(dict(type="local", workers=3, threads=1), workers=None)
    assert isinstance(local, LocalExecutor)
    assert (local.workers, local.threads) == (3, 1)
    assert build(dict(type="local", workers=3), workers=2).workers == 2


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("locl", r"must be one of 'serial', 'local', 'ray', got 'locl'\. Did you mean 'local'"),
        (dict(type=3), r"bench\.executor must be one of"),
        (dict(type="serial", workers=2), r"executor\.workers: the executor 'serial' takes no"),
        (dict(type="local", worker=2), r"executor\.worker: .*Did you mean 'workers'"),
        (dict(type="local", workers=0), r"bench\.executor: workers must be an integer >= 1 or"),
        (dict(type="local", workers="many"), r"or 'auto', got 'many'"),
        (dict(type="local", threads=0.5), r"threads must be an integer >= 1, got 0\.5"),
        (dict(type="local", gpu_memory=0), r"gpu_memory must be a finite number > 0"),
        (dict(type="local", start_method="thread"), r"start_method must be one of 'forkserver'"),
    ],
)
def test_what_cannot_work_is_refused_with_what_is_allowed(value, said):
    with pytest.raises(ConfigError, match=said):
        build(value)


def test_threads_are_divided_and_no_worker_is_idle():
    total = torch.get_num_threads()
    assert slots(2, None, 4.0, 8, []) == [Slot(max(1, total // 2), None)] * 2
    assert slots(8, 3, 4.0, 2, []) == [Slot(3, None)] * 2
    assert len(slots("auto", 10_000, 4.0, 8, [])) == 1


def test_trials_share_gpus_as_far_as_their_memory_goes(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("pgf_plugin.bench.executors.capacity._cores", lambda: 64)
    free = [9 * GIB, 5 * GIB, GIB]  # two trials, one, and none

    def devices(workers):
        return [slot.device for slot in slots(workers, 1, 4.0, 99, free)]

    assert devices("auto") == ["0", "1", "0"]
    assert devices(2) == ["0", "1"]
    assert devices(5) == ["0", "1", "0", "0", "1"]  # asked for: it is the user's to know
    assert [slot.device for slot in slots(3, 1, 40.0, 99, free)] == ["0", "1", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a, GPU-b,7")
    assert devices("auto") == ["GPU-a", "GPU-b", "GPU-a"]

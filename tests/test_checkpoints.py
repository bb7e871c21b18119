"""Checkpoints of the stock Runner: read back whole, and nothing in a hostile one is executed."""

import builtins
import io
import os
import pickle
from contextlib import nullcontext, suppress
from pathlib import Path

import mmengine
import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner, load_checkpoint
from test_cli import crafted_checkpoint
from torch import _weights_only_unpickler, nn
from torch.utils.data import DataLoader

from pgf_plugin.compat import allow_checkpoints, only_weights_loaded, train_safely
from pgf_plugin.datasets.collate import msa_collate
from pgf_plugin.errors import DataError

pytestmark = pytest.mark.engine


class NumpyMAE(BaseMetric):
    """A metric that returns a numpy scalar, as metrics of other packages do."""

    default_prefix = ""

    def process(self, data_batch, data_samples):
        self.results += [float(abs(s["prediction"] - s["label"])) for s in data_samples]

    def compute_metrics(self, results):
        return {"MAE": np.mean(results)}


def synthetic_loader() -> DataLoader:
    random = np.random.default_rng(0)
    samples = [
        {
            "sample_id": f"synthetic_{row}",
            "raw_text": "",
            "label": random.uniform(-3, 3, 1).astype(np.float32),
            "text": random.normal(size=(2 + row % 3, 4)).astype(np.float32),
        }
        for row in range(6)
    ]
    return DataLoader(samples, batch_size=3, collate_fn=msa_collate)


def make_runner(folder: Path, **overrides) -> Runner:
    config = {
        "model": {
            "type": "TextOnlyNet",
            "encoder": {"type": "PrecomputedTextEncoder", "in_features": 4},
            "pooling": "mean",
        },
        "work_dir": str(folder),
        "experiment_name": f"{folder.parent.name}_{len(overrides)}",
        "default_scope": "pgf_plugin",
        "train_dataloader": synthetic_loader(),
        "val_dataloader": synthetic_loader(),
        "val_evaluator": Evaluator(NumpyMAE()),
        "optim_wrapper": {"optimizer": {"type": "AdamW", "lr": 0.01}},
        "param_scheduler": {"type": "StepLR", "step_size": 1},
        "train_cfg": {"by_epoch": True, "max_epochs": 2},
        "val_cfg": {},
        "default_hooks": {
            "logger": {"type": "LoggerHook", "interval": 1},
            "checkpoint": {"type": "CheckpointHook", "save_best": "MAE", "rule": "less"},
        },
        "log_level": "WARNING",
    }
    return Runner(**{**config, **overrides})


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Runner:
    """A finished run of two epochs."""
    runner = make_runner(tmp_path_factory.mktemp("trained") / "run")
    runner.train()
    return runner


@pytest.fixture
def checkpoint(run) -> Path:
    return Path(run.work_dir, "epoch_2.pth")


def test_the_whole_checkpoint_is_read_without_unpickling_code(run, checkpoint):
    loaded = torch.load(checkpoint, weights_only=True)
    assert set(loaded) >= {"state_dict", "optimizer", "param_schedulers", "message_hub", "meta"}
    for name, value in run.model.state_dict().items():
        assert torch.equal(loaded["state_dict"][name], value)
    best = loaded["message_hub"]["runtime_info"]["best_score"]
    assert isinstance(best, np.float64)
    assert best == run.message_hub.get_info("best_score")
    written = loaded["message_hub"]["log_scalars"]
    assert "train/loss_task" in written
    for name, buffer in written.items():
        log, count = run.message_hub.get_scalar(name).data
        # The timers go on after the checkpoint of an epoch is written.
        np.testing.assert_array_equal(buffer.data[0], log[: len(buffer.data[0])])
        np.testing.assert_array_equal(buffer.data[1], count[: len(buffer.data[1])])


def test_a_run_resumes_where_it_stopped(run, checkpoint, tmp_path):
    resumed = make_runner(
        tmp_path / "run",
        train_cfg={"by_epoch": True, "max_epochs": 3},
        load_from=str(checkpoint),
        resume=True,
    )
    resumed.train()
    losses, _ = resumed.message_hub.get_scalar("train/loss_task").data
    before, _ = run.message_hub.get_scalar("train/loss_task").data
    assert (resumed.epoch, len(losses)) == (3, 6)
    np.testing.assert_array_equal(losses[:4], before)


@pytest.mark.parametrize(
    ("values", "max_length"),
    [([], 5), ([1.5, float("nan"), -2.0], 1_000_000), ([1, 2, 3], 3), ([1e-300, float("inf")], 2)],
)
def test_a_history_buffer_is_read_back_exactly(values, max_length):
    buffer = HistoryBuffer(values, list(range(len(values))), max_length)
    read = _save_and_load(buffer)
    for ours, theirs in zip(read.data, buffer.data, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    read.update(7.0)
    assert read.max_length == max_length
    assert read.statistics("current") == 7.0


@pytest.mark.parametrize("code", "?bhilqBHILQefd")
def test_a_numpy_scalar_is_read_back_exactly(code):
    value = np.array(1.0, dtype=code)[()]
    read = _save_and_load(value)
    assert read == value
    assert read.dtype == value.dtype


def test_a_scalar_with_crafted_flags_reads_no_foreign_memory():
    """With flag 4, numpy takes the address of the scalar for its value."""

    class CraftedType:
        def __reduce__(self):
            return np.dtype, ("f8", False, True), (3, "<", None, None, None, 8, 8, 4)

    class CraftedScalar:
        def __reduce__(self):
            return np.float64(0).__reduce__()[0], (CraftedType(), b"A" * 8)

    assert _save_and_load(CraftedScalar()) == np.frombuffer(b"A" * 8)[0]


@pytest.mark.parametrize("dtype", ["O", "V8", "U2", "M8[s]"])
def test_a_scalar_that_is_no_number_is_refused(dtype):
    scalar = np.float64(0).__reduce__()[0]

    class Crafted:
        def __reduce__(self):
            return scalar, (np.dtype(dtype), b"A" * 8)

    with pytest.raises((pickle.UnpicklingError, TypeError)):
        _save_and_load(Crafted())


class Attack:
    """Creates the file ``marker`` when it is unpickled without restriction."""

    def __init__(self, how: str, marker: Path) -> None:
        self.how, self.marker = how, marker

    def __reduce__(self):
        return {
            "system": (os.system, (f"touch '{self.marker}'",)),
            "eval": (eval, (f"open({str(self.marker)!r}, 'w').close()",)),
            "getattr": (self.marker.touch, ()),  # a bound method is a getattr in a pickle
        }[self.how]


@pytest.mark.parametrize("how", ["system", "eval", "getattr"])
@pytest.mark.parametrize("place", ["message_hub", "state_dict", "optimizer"])
def test_a_hostile_checkpoint_raises_and_executes_nothing(run, checkpoint, tmp_path, how, place):
    content = torch.load(checkpoint, weights_only=True)
    marker, file = tmp_path / "executed", tmp_path / "hostile.pth"
    content[place]["innocent"] = Attack(how, marker)
    torch.save(content, file)

    # Other engines ask torch for the unsafe way; mmengine 0.10 leaves it to torch's default.
    ways = [only_weights_loaded, *([nullcontext] if mmengine.__version__ == "0.10.7" else [])]
    for load in (torch.load, lambda path: load_checkpoint(nn.Identity(), path), run.resume):
        for protection in ways:
            with protection(), pytest.raises(pickle.UnpicklingError, match=rf"GLOBAL \S*{how} "):
                load(str(file))
            assert not marker.exists()

    torch.load(file, weights_only=False)
    assert marker.exists(), "the attack is none, so the test shows nothing"


@pytest.mark.parametrize(
    ("variable", "crafted", "executing"),
    [
        (None, False, {"0.11.0rc3", "0.10.12"}),
        ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", False, set()),
        ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", True, {"0.10.12"}),
    ],
)
def test_what_the_readme_says_of_a_stock_script(
    tmp_path, monkeypatch, variable, crafted, executing
):
    """The fork's versions go on from 0.10.7: 0.10.12 is its own."""
    if mmengine.__version__ not in {"0.10.7", "0.11.0rc3", "0.10.12"}:
        pytest.skip(f"the README says nothing of {mmengine.__version__}")
    file, marker = tmp_path / "hostile.pth", tmp_path / "executed"
    if variable:
        monkeypatch.setenv(variable, "1")
    if crafted:
        crafted_checkpoint(file, marker)
    else:
        torch.save({"state_dict": {"w": Attack("system", marker)}}, file)
    with suppress(pickle.UnpicklingError, TypeError, AttributeError, RuntimeError):
        load_checkpoint(nn.Identity(), str(file))
    assert marker.exists() is (mmengine.__version__ in executing)


def test_nothing_that_reaches_further_is_allowed():
    allow_checkpoints()  # once more: it is idempotent
    allowed = [
        entry[0] if isinstance(entry, tuple) else entry
        for entry in torch.serialization.get_safe_globals()
    ]
    for dangerous in (getattr, setattr, eval, exec, builtins.__import__, open, os.system, type):
        assert dangerous not in allowed


def test_the_effective_allow_list_builds_numbers_alone(run, checkpoint, monkeypatch):
    """Seen from inside the load, where the fork's list, with its ``getattr``, would be in force."""
    load, seen = torch.load, []

    def watched(*arguments, **settings):
        seen.append(_weights_only_unpickler._get_user_allowed_globals())
        return load(*arguments, **settings)

    monkeypatch.setattr(torch, "load", watched)
    with only_weights_loaded():
        for read in (torch.load, lambda path: load_checkpoint(nn.Identity(), path), run.resume):
            read(str(checkpoint))
    assert len(seen) == 3
    by_torch = _weights_only_unpickler._get_allowed_globals()
    assert not {getattr, eval, exec, builtins.__import__} & {*filter(callable, by_torch.values())}
    for allowed in seen:
        ours = {value for name, value in allowed.items() if not name.startswith("torch.")}
        dtypes = {value for value in ours if isinstance(value, type)}
        assert all(issubclass(value, np.dtype) for value in dtypes)
        assert {value.__name__ for value in ours - dtypes} == {
            "_rebuild_history",
            "_rebuild_scalar",
        }
        assert {value.__module__ for value in ours - dtypes} == {"pgf_plugin.compat"}


class Pretrained(BaseModel):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        return inputs


def test_weights_that_a_model_of_the_config_names_are_loaded_as_safely(tmp_path):
    marker, file = tmp_path / "executed", tmp_path / "pretrained.pth"
    torch.save({"state_dict": {"w": Attack("system", marker)}}, file)
    model = Pretrained(init_cfg={"type": "Pretrained", "checkpoint": str(file)})
    runner = make_runner(tmp_path / "run", model=model)
    with pytest.raises(DataError, match=rf"^{file} .*run '\S*system'"):
        train_safely(runner, None)
    assert not marker.exists()


def _save_and_load(value):
    file = io.BytesIO()
    torch.save({"value": value}, file)
    file.seek(0)
    return torch.load(file, weights_only=True)["value"]

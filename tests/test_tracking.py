"""Experiment trackers by one line of a config or a command, read back by their own readers."""

import json
import sys
from pathlib import Path

import pytest
import torch
from killed_runs import CONFIG, in_child
from searches import Search

from pgf_plugin.cli import main

BACKEND = "visualizer.vis_backends.0.type"
VISUALIZER = """
visualizer = dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend")])
"""


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Train four epochs of four steps with an override; the work dir is ``run``."""
    monkeypatch.chdir(tmp_path)
    Path("t.py").write_text(CONFIG.format(kill=tmp_path / "kill") + VISUALIZER)

    def run(*overrides):
        return main(["train", "t.py", "--work-dir", "run", "--cfg-options", *overrides])

    return run


@pytest.fixture
def expected(train, tmp_path):
    """The validation MAE of each epoch, from an untracked run of the same seed."""
    # In a process of its own: the engine names runs of one process by the second.
    assert in_child(lambda: main(["train", "t.py", "--work-dir", "plain", "--seed", "0"])) == 0
    (file,) = (tmp_path / "plain").glob("*/vis_data/scalars.json")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [line["MAE"] for line in lines if "MAE" in line]


def test_tensorboard(train, tmp_path, expected):
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="[track] is not installed"
    )
    assert train(f"{BACKEND}=TensorboardVisBackend", "randomness.seed=0") == 0
    (file,) = (tmp_path / "run").glob("*/vis_data/events.*")
    events = reader.EventAccumulator(str(file))
    events.Reload()
    scalars = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    assert len(scalars["loss"]) == 16
    assert [event.value for event in scalars["MAE"]] == pytest.approx(expected)
    assert [event.step for event in scalars["MAE"]] == [1, 2, 3, 4]
    assert "lr" in scalars


def test_two_trackers_by_one_line_of_a_config(train, tmp_path):
    pytest.importorskip("tensorboard", reason="[track] is not installed")
    Path("two.py").write_text(
        "_base_ = 't.py'\n"
        "visualizer = dict(vis_backends=[dict(type='LocalVisBackend'), "
        "dict(type='TensorboardVisBackend')])\n"
    )
    assert main(["train", "two.py", "--work-dir", "run"]) == 0
    (folder,) = (tmp_path / "run").glob("*/vis_data")
    assert list(folder.glob("events.*"))
    assert (folder / "scalars.json").exists()


def test_mlflow(train, tmp_path, fresh_mlflow):
    store = tmp_path / "mlruns"
    assert (
        train(
            f"{BACKEND}=MLflowVisBackend",
            f"visualizer.vis_backends.0.tracking_uri={store}",
            "randomness.seed=0",
        )
        == 0
    )
    client = fresh_mlflow.MlflowClient(str(store))
    (run,) = client.search_runs(["0"])
    history = client.get_metric_history(run.info.run_id, "MAE")
    assert [metric.step for metric in history] == [1, 2, 3, 4]
    (best,) = (tmp_path / "run").glob("best_*.pth")
    hub = torch.load(best, weights_only=True)["message_hub"]
    assert min(metric.value for metric in history) == hub["runtime_info"]["best_score"]
    assert run.data.params["optim_wrapper.optimizer.lr"] == "0.05"
    assert run.info.status == "FINISHED"
    assert "config.py" in {file.path for file in client.list_artifacts(run.info.run_id)}


@pytest.mark.slow
def test_each_trial_of_a_search_is_a_run_of_its_own(tmp_path, fresh_mlflow):
    pytest.importorskip("optuna", reason="[tune] is not installed")
    store = tmp_path / "mlruns"
    node = f"dict(type='MLflowVisBackend', tracking_uri={str(store)!r})"
    more = f"visualizer = dict(type='Visualizer', vis_backends=[{node}])\n"
    more += "tune['pruner'] = dict(type='threshold', upper=1e-6)\n"
    search = Search(tmp_path, more)
    search("--trials", "2")
    assert [record["state"] for record in search.records()] == ["pruned", "pruned"]
    assert len(fresh_mlflow.MlflowClient(str(store)).search_runs(["0"])) == 2


@pytest.fixture
def fresh_mlflow():
    """MLflow, with its store and its run forgotten afterwards."""
    mlflow = pytest.importorskip("mlflow", reason="[track] is not installed")
    uri = mlflow.get_tracking_uri()
    yield mlflow
    mlflow.end_run()
    mlflow.set_tracking_uri(uri)


def test_wandb_offline(train, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert train(f"{BACKEND}=WandbVisBackend") == 0
    assert list((tmp_path / "run").glob("*/vis_data/wandb/offline-run-*/*.wandb"))


def test_a_tracker_that_is_not_installed_is_named_before_the_run(train, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert train(f"{BACKEND}=WandbVisBackend") == 1
    told = capsys.readouterr().err
    assert "visualizer.vis_backends[0].type: needs 'wandb', which is not installed" in told
    assert 'python -m pip install "pgf-plugin[track]"' in told
    assert not Path("run").exists()

"""What a training starts from: weights and checkpoints that fit, and ones that do not."""

from pathlib import Path

import pytest
import torch
from killed_runs import TrainCommand, assert_same, in_child

import pgf_plugin
from pgf_plugin.checkpoint_schema import SCHEMA
from pgf_plugin.cli import main
from pgf_plugin.weights import read_weights

pytestmark = pytest.mark.engine

BENCH = "\nbench = dict(models={'A': dict(model=model)}, seeds=[0])\nmodel = dict()\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Work dir of a finished run of four epochs."""
    run = TrainCommand(tmp_path_factory.mktemp("trained"))
    status, printed = run()
    assert status == 0, printed
    return run.work_dir


def train(folder: Path, *options: str, flags: tuple[str, ...] = ()) -> tuple[int, str, Path]:
    """Train one epoch; return status, output and work dir."""
    run = TrainCommand(folder)
    run.argv += ["train_cfg.max_epochs=1", *options, *flags]
    return *run(), run.work_dir


def changed(source: Path, target: Path, change) -> Path:
    """Write a copy of a checkpoint that ``change`` was applied to."""
    content = torch.load(source, weights_only=True)
    change(content)
    torch.save(content, target)
    return target


def later(content: dict) -> None:
    content["meta"]["pgf_plugin"] = {"schema": SCHEMA + 6, "version": "9.1.2"}


def test_checkpoints_say_in_which_schema_they_are(trained, tmp_path):
    stamp = {"schema": SCHEMA, "version": pgf_plugin.__version__}
    for path in trained.glob("*.pth"):
        assert torch.load(path, weights_only=True)["meta"]["pgf_plugin"] == stamp
    for name in ("w.pth", "w.safetensors"):
        out = tmp_path / name
        assert main(["weights", "export", str(trained / "epoch_4.pth"), str(out)]) == 0
        whole = out.read_bytes()
        assert main(["weights", "export", str(out), str(out)]) == 1  # onto itself
        assert out.read_bytes() == whole
        assert (
            read_weights(out).tensors.keys() == read_weights(trained / "epoch_4.pth").tensors.keys()
        )
    assert torch.load(tmp_path / "w.pth", weights_only=True)["meta"]["pgf_plugin"] == stamp


@pytest.mark.parametrize("command", ["load_from", "resume", "test", "inspect", "bench", "export"])
def test_a_later_schema_is_refused_with_both_versions(command, trained, tmp_path, monkeypatch):
    run = TrainCommand(tmp_path)
    run.work_dir.mkdir()
    path = changed(trained / "epoch_4.pth", run.work_dir / "epoch_4.pth", later)
    if command == "export":  # from a later version, in safetensors
        path = tmp_path / "w.safetensors"
        with monkeypatch.context() as patch:
            patch.setattr("pgf_plugin.checkpoint_schema.SCHEMA", SCHEMA + 6)
            patch.setattr("pgf_plugin.__version__", "9.1.2")
            source = str(trained / "epoch_4.pth")
            assert main(["weights", "export", source, str(path)]) == 0
    bench = tmp_path / "bench.py"
    bench.write_text(run.config.read_text() + BENCH)
    where = ["--work-dir", str(tmp_path / "other")]
    run.argv = {
        "load_from": [*run.argv, f"load_from={path}"],
        "resume": [*run.argv, "--resume"],
        "test": ["test", str(run.config), str(path), *where],
        "inspect": ["weights", "inspect", str(path)],
        "export": ["weights", "inspect", str(path)],
        "bench": ["bench", str(bench), *where, "--cfg-options", f"load_from={path}"],
    }[command]
    status, printed = run()
    assert status == 1
    assert (
        f"{path} is not loaded: it has schema version {SCHEMA + 6}, written by pgf_plugin 9.1.2, "
        f"and {pgf_plugin.__version__} here reads up to {SCHEMA}" in printed
    )
    assert "Install that version or a later one" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("stamp", [{}, {"schema": "2"}, "1", {"schema": [1]}])
def test_a_schema_that_is_none_is_refused(stamp, trained, tmp_path):
    def change(content):
        content["meta"]["pgf_plugin"] = stamp

    path = changed(trained / "epoch_4.pth", tmp_path / "w.pth", change)
    status = in_child(lambda: main(["weights", "inspect", str(path)]), tmp_path / "printed")
    assert status == 1
    assert "its schema version is no number" in (tmp_path / "printed").read_text()


@pytest.mark.parametrize("flags", [(), ("--resume",)])
def test_weights_that_do_not_fit_are_refused_and_listed(flags, trained, tmp_path):
    def change(content):
        state = content["state_dict"]
        state["another.part"] = torch.zeros(2)
        del state["head.layers.1.weight"]
        state["head.layers.1.bias"] = torch.zeros(3)

    (tmp_path / "run").mkdir()
    path = changed(trained / "epoch_4.pth", tmp_path / "run" / "epoch_4.pth", change)
    options = [] if flags else [f"load_from={path}"]
    status, printed, work_dir = train(tmp_path, *options, flags=flags)
    assert status == 1
    assert f"{path} does not fit the model of the config, TextOnlyNet. It was written by" in printed
    assert "1 missing in the file: head.layers.1.weight" in printed
    assert "1 in the file alone: another.part" in printed
    assert "1 of another shape in the file: head.layers.1.bias (3,) instead of (128,)" in printed
    assert ("load_from_strict=False" in printed) is (not flags)
    assert not list(work_dir.glob("epoch_1.pth"))
    assert "Traceback" not in printed


def test_what_fits_can_be_taken_over(trained, tmp_path):
    path = changed(
        trained / "epoch_4.pth",
        tmp_path / "w.pth",
        lambda content: content["state_dict"].pop("head.layers.1.weight"),
    )
    options = (f"load_from={path}", "load_from_strict=False", "optim_wrapper.optimizer.lr=0")
    status, printed, work_dir = train(tmp_path, *options)
    assert status == 0, printed
    ours, theirs = (read_weights(file).tensors for file in (work_dir / "epoch_1.pth", path))
    assert_same({name: ours[name] for name in theirs}, theirs)
    assert "head.layers.1.weight" in ours


def test_a_training_starts_from_safetensors(trained, tmp_path):
    path = tmp_path / "w.safetensors"
    assert main(["weights", "export", str(trained / "epoch_4.pth"), str(path)]) == 0
    status, printed, work_dir = train(tmp_path, f"load_from={path}", "optim_wrapper.optimizer.lr=0")
    assert status == 0, printed
    assert_same(dict(read_weights(work_dir / "epoch_1.pth").tensors), read_weights(path).tensors)


def test_weights_alone_are_not_resumed(trained, tmp_path):
    (best,) = trained.glob("best_*.pth")
    status, printed, _ = train(tmp_path, f"load_from={best}", "resume=True")
    assert status == 1
    assert f"{best} holds weights alone, without the optimizer, and cannot be resumed" in printed


def test_resume_in_the_config_is_as_on_the_command_line(trained, tmp_path):
    run = TrainCommand(tmp_path)
    assert run(45, 9)[0] == -9
    run.argv.append("resume=True")
    status, printed = run()
    assert status == 0, printed
    assert "earlier run" not in printed
    ours, theirs = (read_weights(d / "epoch_4.pth").tensors for d in (run.work_dir, trained))
    assert_same(dict(ours), dict(theirs))

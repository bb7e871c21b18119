"""Every command, called as a user calls it."""

import io
import itertools
import os
import pickle
import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from forked import run_forked
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner import Runner
from tiny_encoder import write_encoder

from pgf_plugin.cli import main
from pgf_plugin.cli.predict import check_said, reading, told
from pgf_plugin.compat import only_weights_loaded
from pgf_plugin.config import list_configs, load_config
from pgf_plugin.models import MSAClassificationLoss, MSAMultilabelLoss

pytestmark = pytest.mark.engine

CONFIG = "pgf_net/pgf_net_minilm_synthetic"
SMALL = (
    *("train_dataloader.dataset.num_samples=32", "val_dataloader.dataset.num_samples=16"),
    *("test_dataloader.dataset.num_samples=16", "train_cfg.max_epochs=1"),
    *(
        "model.encoder.lora_rank=2",
        "train_dataloader.batch_size=8",
        "optim_wrapper.optimizer.lr=0.02",
    ),
)
RUN_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A text encoder with random weights and a real tokenizer."""
    return write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def trained(encoder, tmp_path_factory):
    """(work dir, best checkpoint) of a short training run."""
    work_dir = tmp_path_factory.mktemp("run")
    assert main(["train", *common(encoder), "--work-dir", str(work_dir), "--seed", "3"]) == 0
    (best,) = work_dir.glob("best_*.pth")
    return work_dir, best


def common(encoder):
    """Arguments of a run; mmengine allows the name of a run once a process."""
    name = f"experiment_name=run_{next(RUN_NUMBERS)}"
    return [CONFIG, "--encoder", str(encoder), "--cfg-options", *SMALL, name]


def error_of(argv, capsys):
    assert main(argv) == 1
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return printed.err


def test_version_and_help(capsys):
    for argv, shown in ((["--version"], r"pgf-plugin \d"), (["--help"], "predict"), ([], "usage")):
        with pytest.raises(SystemExit) as ended:
            main(argv)
        assert ended.value.code == (0 if argv else 2)
        printed = capsys.readouterr()
        assert re.search(shown, printed.out + printed.err)


@pytest.mark.slow
def test_the_script_is_installed():
    script = Path(sys.executable).with_name("pgf")
    done = subprocess.run([script, "config", "list"], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == list_configs()
    assert done.stderr == ""


def test_configs_are_found_by_words(capsys):
    assert main(["config", "list", "sims", "mma/"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [f"mma/mma_bert-base-chinese_{data}.py" for data in ("sims", "simsv2")]
    assert "no shipped config has 'sim' and 'nothing'" in error_of(
        ["config", "list", "sim", "nothing"], capsys
    )


def test_train_says_how_to_go_on_and_resumes(encoder, tmp_path, capsys):
    argv = ["train", *common(encoder), "--work-dir", str(tmp_path)]
    assert main(argv) == 0
    (best,) = tmp_path.glob("best_MAE_epoch_1.pth")
    (told,) = re.findall(r"^Test it: pgf (.*)", capsys.readouterr().out, re.MULTILINE)
    assert Path(told.split()[-1]).samefile(best)
    # The written config keeps what the command line changed.
    status, printed = run_forked(lambda: main(told.split()))
    assert status == 0, printed
    more = ("train_cfg.max_epochs=2", "experiment_name=resumed")
    assert main([*argv, "--resume", "--cfg-options", *SMALL, *more]) == 0
    assert "resumed epoch: 1" in capsys.readouterr().out
    assert (tmp_path / "epoch_2.pth").is_file()


@pytest.mark.parametrize(
    ("command", "key"),
    [("train", "optim_wrapper"), ("train", "train_cfg"), ("test", "test_dataloader")],
)
def test_a_part_that_a_command_needs(command, key, encoder, trained, tmp_path, capsys):
    lines = [f"_base_ = '{trained[0] / 'pgf_net_minilm_synthetic.py'}'", f"{key} = None"]
    config = tmp_path / "partial.py"
    config.write_text("\n".join(lines))
    files = [str(config), *([str(trained[1])] if command == "test" else [])]
    printed = error_of([command, *files, "--work-dir", str(tmp_path / "w")], capsys)
    assert f"{key}: `pgf {command}` needs it: add {key} = dict(" in printed
    assert printed.count(f"{key}:") == 1


def test_an_override_without_a_value(capsys):
    with pytest.raises(SystemExit):
        main(["train", CONFIG, "--cfg-options", "lr"])
    assert "'lr' is not KEY=VALUE" in capsys.readouterr().err


def test_resume_without_a_checkpoint_begins_and_says_so(encoder, tmp_path, capsys):
    argv = ["train", *common(encoder), "--work-dir", str(tmp_path), "--resume"]
    assert main([*argv, "--cfg-options", *SMALL, "experiment_name=begun"]) == 0
    assert f"{tmp_path} has no checkpoint yet: the run begins" in capsys.readouterr().err
    assert (tmp_path / "epoch_1.pth").is_file()


def test_test_prints_the_metrics(trained, encoder, tmp_path, capsys):
    options = [*common(encoder)[1:], "experiment_name=tested"]
    argv = ["test", CONFIG, str(trained[1]), *options, "--work-dir", str(tmp_path)]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert f"{CONFIG}, {trained[1]}, 16 test utterances\n" in printed
    values = dict(re.findall(r"^  (\w+) +(-?\d+\.\d+)$", printed, re.MULTILINE))
    assert {"MAE", "Corr", "Acc7", "Acc2_has0", "Acc2_non0", "F1_has0", "F1_non0"} <= set(values)
    assert 0 < float(values["MAE"]) < 6


def predict(trained, encoder, *arguments):
    return ["predict", CONFIG, str(trained[1]), *common(encoder)[1:], *arguments]


def test_predict_reads_text_alone(trained, encoder, capsys):
    assert main(predict(trained, encoder, "--text", "a wonderful film")) == 0
    (line,) = capsys.readouterr().out.splitlines()
    score, named = re.fullmatch(r"([+-]\d+\.\d{3})  ([a-z ]+)  \(scale -3 to 3\)", line).groups()
    assert named == reading(float(score), 3.0)


def test_predictions_of_classes_and_of_labels_are_named():
    (line,) = told(torch.tensor([0.0, 2.0, 0.0]), MSAClassificationLoss(), None)
    assert line == "class 1  (probability of class 0: 0.107, 1: 0.787, 2: 0.107)"
    assert told(torch.tensor([1.0, -1.0]), MSAMultilabelLoss(), None) == [
        "label 0: yes  (probability 0.731)",
        "label 1: no  (probability 0.269)",
    ]


@pytest.mark.parametrize("text", ["", " \n"])
def test_predict_refuses_a_blank_text(text, trained, encoder, capsys):
    printed = error_of(predict(trained, encoder, "--text", text), capsys)
    assert f"--text is {text!r}, which is blank, and the model reads text: give what" in printed
    check_said(text, ("audio", "vision"))  # data without text


def test_predict_reads_every_modality(trained, encoder, tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "audio.npy", 100 * rng.normal(size=(7, 5)))
    np.save(tmp_path / "vision.npy", (100 * rng.normal(size=(3, 20))).astype(np.float32))
    lines = set()
    for arguments in ((), ("--audio", "audio.npy"), ("--vision", "vision.npy")):
        paths = [str(tmp_path / a) if a.endswith("npy") else a for a in arguments]
        assert main(predict(trained, encoder, "--text", "a film", *paths)) == 0
        lines.add(capsys.readouterr().out.strip().splitlines()[-1])
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((4, 6)), r"audio must be \(steps, 5\), got \(4, 6\)"),
        (np.full((4, 5), np.nan), "audio holds 20 values of NaN or inf"),
        (np.full((4, 5), np.inf), "audio holds 20 values of NaN or inf"),
        (
            np.array([[np.inf, 1, -1e300, 1, 1]]),
            r"npy holds 1 values beyond 3\.4e\+38, .*of float32.* first is -1e\+300: give them",
        ),
        (np.zeros((2, 4, 5)), r"must be of shape \(steps, features\).*got \(2, 4, 5\)"),
        (np.array(["a"]), "must hold numbers"),
        (np.array([{}], dtype=object), r"is no \.npy file of numbers"),
        (b"junk", r"is no \.npy file of numbers"),
        (None, "there is no such file"),
    ],
)
def test_predict_refuses_features_that_do_not_fit(trained, encoder, tmp_path, capsys, array, told):
    path = tmp_path / "audio.npy"
    if isinstance(array, bytes):
        path.write_bytes(array)
    elif array is not None:
        np.save(path, array, allow_pickle=True)
    argv = predict(trained, encoder, "--text", "a film", "--audio", str(path))
    assert re.search(f"^pgf predict: error: .*{told}", error_of(argv, capsys), re.MULTILINE)


class Hostile:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("command", ["test", "predict"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (Hostile(), "is not loaded"),
        ({"state_dict": {"weight": torch.zeros(1)}}, "does not fit the model"),
        (None, "there is no such file"),
    ],
)
def test_a_checkpoint_that_is_none(command, content, told, encoder, tmp_path, capsys):
    path = tmp_path / "weights.pth"
    if content is not None:
        torch.save(content, path)
    extra = ["--text", "a film"] if command == "predict" else ["--work-dir", str(tmp_path / "w")]
    argv = [command, CONFIG, str(path), *common(encoder)[1:], *extra]
    printed = error_of(argv, capsys)
    assert re.search(told, printed)
    assert str(path) in printed
    assert "executed" not in printed.replace("Nothing was executed", "")


class HostileFile:
    """Makes the file ``marker`` when it is unpickled without restriction."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def hostile(tmp_path):
    """(checkpoint, what exists once it was executed)."""
    path, marker = tmp_path / "hostile.pth", tmp_path / "executed"
    torch.save({"state_dict": {}, "meta": {}, "message_hub": HostileFile(marker)}, path)
    return path, marker


@pytest.mark.parametrize("command", ["test", "predict", "train", "resume", "bench"])
@pytest.mark.parametrize("demanded", [False, True])
def test_no_command_executes_a_checkpoint(
    command, demanded, hostile, encoder, tmp_path, capsys, monkeypatch
):
    path, marker = hostile
    if demanded:  # by the environment; no command obeys
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    work_dir = tmp_path / "run"
    work_dir.mkdir()
    (work_dir / "last_checkpoint").write_text(str(path))
    written = ["--work-dir", str(work_dir)]
    argv = {
        "test": ["test", CONFIG, str(path), *common(encoder)[1:], *written],
        "predict": ["predict", CONFIG, str(path), *common(encoder)[1:], "--text", "a film"],
        "train": ["train", *common(encoder), f"load_from={path}", *written],
        "resume": ["train", *common(encoder), *written, "--resume"],
        "bench": [
            *("bench", "quickstart", "--models", "Text only", "--seeds", "0", *written),
            *(*common(encoder)[1:], f"load_from={path}"),
        ],
    }[command]
    assert main(argv) == 1
    printed = "".join(capsys.readouterr())
    told = f"{path} is not loaded: loading it would run '{os.mkdir.__module__}.mkdir'"
    assert told in printed
    (line,) = [line for line in printed.splitlines() if told in line]
    assert "weights_only" not in line
    assert "Traceback" not in printed
    assert not marker.exists()
    assert ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" in os.environ) is demanded
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def crafted_checkpoint(path, marker):
    """Write a checkpoint that is executed where ``getattr`` and ``HistoryBuffer`` are allowed.

    The buffer's state holds ``exec``, reached by ``getattr(getattr, '__self__')``, under the name
    ``__setstate__``; its next state is the program.
    """

    def text(value):
        return pickle.BINUNICODE + len(value).to_bytes(4, "little") + value.encode()

    def name(module, attribute):
        return pickle.GLOBAL + f"{module}\n{attribute}\n".encode()

    def attribute(owner, key):
        return name("__builtin__", "getattr") + owner + text(key) + pickle.TUPLE2 + pickle.REDUCE

    buffer = name("mmengine.logging.history_buffer", "HistoryBuffer")
    run = attribute(attribute(name("__builtin__", "getattr"), "__self__"), "exec")
    program = text(f"import os; os.mkdir({str(marker)!r})")
    crafted = (
        *(pickle.PROTO, b"\x02", buffer, pickle.EMPTY_TUPLE, pickle.REDUCE),
        *(pickle.EMPTY_DICT, text("__setstate__"), run, pickle.SETITEM, pickle.BUILD),
        *(program, pickle.BUILD, pickle.STOP),
    )
    plain = io.BytesIO()
    torch.save({}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for item in source.infolist():
            is_pickle = item.filename.endswith("data.pkl")
            target.writestr(item, b"".join(crafted) if is_pickle else source.read(item))


def test_attributes_of_what_is_allowed_do_not_execute(encoder, tmp_path, capsys):
    path, marker = tmp_path / "crafted.pth", tmp_path / "executed"
    crafted_checkpoint(path, marker)
    argv = ["test", CONFIG, str(path), *common(encoder)[1:], "--work-dir", str(tmp_path / "w")]
    assert "history_buffer.HistoryBuffer', and a checkpoint holds" in error_of(argv, capsys)
    assert not marker.exists()
    with torch.serialization.safe_globals([getattr, HistoryBuffer]):
        torch.load(path, weights_only=True)
    assert marker.exists(), "the file is harmless, so the test shows nothing"


@pytest.mark.parametrize("command", ["train", "bench", "stock"])
def test_a_resume_does_not_run_the_config_in_a_checkpoint(
    command, trained, encoder, tmp_path, capsys
):
    path, marker = tmp_path / "epoch_1.pth", tmp_path / "executed"
    content = torch.load(trained[0] / "epoch_1.pth", weights_only=True)
    content["meta"]["config"] = f"x = __import__('os').mkdir({str(marker)!r})"
    torch.save(content, path)
    resumed = [*common(encoder), f"load_from={path}", "resume=True", "experiment_name=resumed"]
    written = ["--work-dir", str(tmp_path / "run")]
    if command == "stock":
        options = {"load_from": str(path), "resume": True, "model.encoder.lora_rank": 2}
        cfg = load_config(CONFIG, options, encoder=str(encoder), work_dir=tmp_path / "run")
        Runner.from_cfg(cfg).resume(str(path))
        assert marker.exists(), "mmengine runs it no longer, so the test shows nothing"
        return
    argv = {
        "train": ["train", *resumed, *written],
        "bench": [
            *("bench", "quickstart", "--models", "PGF-Net", "--seeds", "0", *written),
            *resumed[1:],
        ],
    }[command]
    assert main(argv) == 1
    assert f"{path} is not loaded: its meta has a 'config'" in "".join(capsys.readouterr())
    assert not marker.exists()


def test_a_resume_needs_weights_that_fit(trained, encoder, tmp_path, capsys):
    (tmp_path / "last_checkpoint").write_text(str(trained[0] / "epoch_1.pth"))
    options = (*common(encoder), "model.encoder.lora_rank=3", "model.start_fusion_layer=1")
    printed = error_of(["train", *options, "--work-dir", str(tmp_path), "--resume"], capsys)
    assert f"{trained[0] / 'epoch_1.pth'} does not fit the model of the config, PGFNet" in printed
    assert re.search(r"of another shape in the file: .*lora_A", printed)
    assert re.search(r"\d+ in the file alone: blocks", printed)


def test_a_caller_that_demands_execution_is_overruled(hostile):
    path, marker = hostile
    with only_weights_loaded(), pytest.raises(pickle.UnpicklingError, match="mkdir"):
        torch.load(path, weights_only=False)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists(), "the file is harmless, so the test shows nothing"


def test_params_prints_the_ledger_offline(capsys, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", None)
    assert main(["params", "pgf_net_bert-base_mosi"]) == 0
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines()}
    assert {"encoder", "lora", "fusion", "adapter", "head", "total"} <= set(rows)
    assert 3_050_000 <= int(rows["total"][0].replace(",", "")) <= 3_100_000
    assert rows["encoder"][0] == "0"


READS_VALUES = """
from torch import linspace, nn
from mmengine.registry import MODELS

@MODELS.register_module()
class ReadsValues(nn.Module):
    def __init__(self, read):
        super().__init__()
        self.rates = [getattr(rate, read)() for rate in linspace(0, 0.1, 3)]
        self.layer = nn.Linear(4, 3)
"""


@pytest.mark.parametrize("read", ["item", "numpy"])
def test_params_of_a_model_that_reads_values_as_it_is_built(read, tmp_path, monkeypatch, capsys):
    name = f"reads_values_by_{read}"
    (tmp_path / f"{name}.py").write_text(READS_VALUES.replace("ReadsValues", name))
    monkeypatch.syspath_prepend(tmp_path)
    config = tmp_path / "config.py"
    config.write_text(
        f"custom_imports = dict(imports=[{name!r}])\nmodel = dict(type={name!r}, read={read!r})\n"
    )
    assert main(["params", str(config)]) == 0
    assert re.search(r"^total +15 +0 +15$", capsys.readouterr().out, re.M)


@pytest.mark.skipif(torch.cuda.is_available(), reason="here it could train")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_training_in_mixed_precision_without_a_gpu_is_refused(dtype, tmp_path, capsys):
    options = ["optim_wrapper.type=AmpOptimWrapper", f"optim_wrapper.dtype={dtype}"]
    command = ["train", CONFIG, "--work-dir", str(tmp_path / "run"), "--cfg-options", *options]
    told = error_of(command, capsys)
    assert "optim_wrapper: AmpOptimWrapper needs a GPU, and torch sees none" in told
    assert "optim_wrapper.type=OptimWrapper" in told
    assert not (tmp_path / "run").exists()


def test_a_bench_config_is_sent_to_the_bench(capsys):
    for command in ("params", "train"):
        assert "pgf bench bench/quickstart" in error_of([command, "bench/quickstart"], capsys)


def test_list_shows_every_kind_of_component(capsys):
    assert main(["list"]) == 0
    rows = [re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines()]
    found = {(row[0], row[1]) for row in rows}
    assert {
        ("models", "PGFNet"),
        ("models", "HFTextEncoder"),
        ("datasets", "MSADataset"),
        ("metrics", "MSAMetric"),
        ("hooks", "GateStatisticsHook"),
        ("functions", "msa_collate"),
    } <= found
    (net,) = [row for row in rows if row[1] == "PGFNet"]
    assert net[2:4] == ["pgf-plugin", "arXiv 2508.15852"]


def test_config_show_and_copy(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["config", "show", CONFIG, "--cfg-options", "model.pooling=cls"]) == 0
    (tmp_path / "shown.py").write_text(capsys.readouterr().out)
    shown = load_config("shown.py")
    assert shown.model.pooling == "cls"
    assert shown.optim_wrapper.optimizer.type == "AdamW"
    assert main(["config", "copy", CONFIG]) == 0
    assert f"pgf train configs/{CONFIG}.py" in capsys.readouterr().out
    assert main(["params", f"configs/{CONFIG}.py"]) == 0


def test_every_problem_of_a_config_is_told_before_training(encoder, tmp_path, capsys):
    options = [*SMALL, "model.encoder.lora_rnk=2", "train_dataloader.dataset.sed=1"]
    work_dir = tmp_path / "never"
    argv = ["train", CONFIG, "--encoder", str(encoder), "--work-dir", str(work_dir)]
    printed = error_of([*argv, "--cfg-options", *options], capsys)
    assert "2 problems" in printed
    assert "model.encoder.lora_rnk" in printed
    assert "train_dataloader.dataset.sed" in printed
    assert not work_dir.exists()


def test_an_unknown_config_is_answered_by_the_nearest(capsys):
    assert "pgf_net_minilm_synthetic" in error_of(["train", "pgf_net_minilm_syntetic"], capsys)


def test_the_traceback_is_shown_on_demand(capsys, monkeypatch):
    assert main(["--traceback", "params", "nowhere"]) == 1
    assert "Traceback" in capsys.readouterr().err
    assert main(["params", "nowhere", "--traceback"]) == 1
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("PGF_TRACEBACK", "1")
    assert main(["params", "nowhere"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_bench_compares_models(encoder, tmp_path, capsys):
    argv = ["bench", "quickstart", "--encoder", str(encoder), "--work-dir", str(tmp_path)]
    chosen = ["--models", "PGF-Net", "Text only", "--seeds", "5"]
    assert main([*argv, *chosen, "--cfg-options", *SMALL]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"PGF-Net.*\n(.*\n)*.*Text only", printed)
    assert "MulT" not in printed
    assert (tmp_path / "results.json").is_file()
    assert (tmp_path / "comparison.png").is_file()


def test_bench_refuses_a_model_that_it_lacks(tmp_path, capsys):
    argv = ["bench", "quickstart", "--models", "PGFNet", "--work-dir", str(tmp_path)]
    assert "Did you mean 'PGF-Net'?" in error_of(argv, capsys)


@pytest.mark.parametrize(
    ("score", "high", "named"),
    [
        (0.0, 3.0, "neutral"),
        (1.2, 3.0, "weakly positive"),
        (-2.4, 3.0, "negative"),
        (9.0, 3.0, "highly positive"),
        (-1.0, 1.0, "highly negative"),
        (0.34, 1.0, "weakly positive"),
    ],
)
def test_a_score_is_read_on_its_scale(score, high, named):
    assert reading(score, high) == named


def test_python_m_is_the_same_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pgf_plugin", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("pgf_plugin", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("pgf-plugin ")

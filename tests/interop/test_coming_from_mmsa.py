"""docs/coming_from_mmsa.md says what an installed MMSA has, and what is here; its commands run."""

import inspect
import json
import pickle
import re
import runpy
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmsa_reference import mmsa_model
from pages import Page, codes, run, table_rows
from tiny_encoder import write_encoder

from pgf_plugin.cli import main
from pgf_plugin.config import load_config
from pgf_plugin.evaluation.catalogue import SCALES
from pgf_plugin.models.mmsa_settings import check_name

TESTS = Path(__file__).parents[1]
PAGE = Page(TESTS.parent / "docs" / "coming_from_mmsa.md")
SETTINGS = PAGE.parts("Settings")
REFERENCES = {row[0].strip("`"): row[1:] for row in table_rows(PAGE.sections["Models"])}
IMPORT = (
    "--cfg-options",
    *(f"test_dataloader.collate_fn.pad_to.{n}=20" for n in ("audio", "vision")),
)
"""Overrides that shorten what a checkpoint is tested on."""

WRITTEN_HERE = [name for name in SETTINGS if name in REFERENCES]
"""MMSA's names of the models whose settings have a table of their own."""


@pytest.fixture(scope="module")
def mmsa():
    """MMSA's settings by model."""
    pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
    path = files("MMSA").joinpath("config", "config_regression.json")
    return json.loads(path.read_text(encoding="utf-8"))


def keys(part: str) -> list[str]:
    return [key for row in table_rows(SETTINGS[part]) for key in codes(row[0])]


def settings_of(mmsa: Mapping[str, Any], name: str, dataset: str) -> dict[str, Any]:
    return mmsa[name]["commonParams"] | mmsa[name]["datasetParams"][dataset]


def test_every_option_is_there(mmsa):
    rows = table_rows(PAGE.sections["Options"])
    run_module, main_module = import_module("MMSA.run"), import_module("MMSA.__main__")
    parameters = inspect.signature(run_module.MMSA_run).parameters
    assert [code for row in rows for code in codes(row[0])] == list(parameters)
    # Every add_argument has its names, and nothing else, in quotation marks that begin with "-".
    options = re.findall(r"'(-[\w-]+)'", inspect.getsource(main_module))
    assert {code for row in rows for code in codes(row[1])} == set(options)


def test_every_function_of_mmsa_has_a_row():
    package = pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
    named = " ".join(row[0] for row in table_rows(PAGE.sections["Commands"]))
    public = {name for name in vars(package) if re.match(r"[A-Z]\w+_|get_", name)}
    assert {name for name in public if name not in named} == {"SUPPORTED_DATASETS"}


def test_every_model_is_there(mmsa):
    names = {name for row in table_rows(PAGE.sections["Models"]) for name in codes(row[0])}
    assert names == mmsa.keys() - {"datasetCommonParams"}
    amio = import_module("MMSA.models.AMIO")
    assert names == set(re.findall(r"'(\w+)': ?\w+", inspect.getsource(amio)))


@pytest.mark.parametrize("row", table_rows(PAGE.sections["Models"]), ids=lambda row: row[0])
def test_each_model_is_what_the_page_says(row):
    (kind, reference, *masked) = row[1:]
    if kind == "refused":
        for name in codes(row[0]):
            with pytest.raises(ValueError, match="trains not by the task loss alone"):
                check_name(name)
        return
    (name,), (config,) = codes(row[0]), codes(reference)
    model = load_config(config).model
    assert model.type == kind.strip("`")
    assert model.type == "MMSAModel" or model.type == "SelfMM" or model.reference is True
    assert model.get("name", name) == name
    for each in codes(*masked):
        assert load_config(each).model.type == model.type
        assert not load_config(each).model.get("reference", False)


def test_every_key_of_the_data_sets_is_there(mmsa):
    common = dict(mmsa["datasetCommonParams"])
    found = {"dataset_root_dir"}
    for dataset in common.keys() - found:
        for kind in common[dataset].values():
            found |= kind.keys()
    assert set(keys("Data sets")) == found


@pytest.mark.parametrize("name", WRITTEN_HERE)
def test_every_key_of_a_model_is_there(name, mmsa):
    own, shared = set(keys(name)), set(keys("All models"))
    found = set()
    for dataset in mmsa[name]["datasetParams"]:
        found |= settings_of(mmsa, name, dataset).keys()
    assert own <= found
    assert found <= own | shared
    assert not own & shared


def flat(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from flat(each)
    else:
        yield value


def value_at(config: Any, path: str) -> Any:
    for key in path.split("."):
        config = config[int(key)] if key.isdecimal() else config[key]
    return config


TOLD_OTHERWISE = ("pretrained", "use_finetune", "learning_rate_bert")
"""Keys whose place holds another value: a hub id with its owner, the opposite, a factor."""


@pytest.mark.parametrize("name", WRITTEN_HERE)
def test_the_reference_config_has_the_value_of_mmsa_at_each_place(name, mmsa):
    cfg = reference(name)
    theirs = settings_of(mmsa, name, "mosi")
    own = places(name)
    for key, paths in (places("All models") | own).items():
        ours = [value_at(cfg, path) for path in paths if key in own or has(cfg, path)]
        if key in theirs and key not in TOLD_OTHERWISE:
            assert set(flat(ours)) <= set(flat(theirs[key])), key


def test_the_places_of_all_models_are_in_some_reference_config():
    configs = [reference(name) for name in WRITTEN_HERE]
    for paths in places("All models").values():
        assert all(any(has(cfg, path) for cfg in configs) for path in paths), paths


def reference(name: str) -> Any:
    return load_config(codes(REFERENCES[name][1])[0])


def places(part: str) -> dict[str, list[str]]:
    """Key of MMSA to the keys of a config that the page names for it."""
    found = {}
    for key, place, *_ in table_rows(SETTINGS[part]):
        paths = [code for code in codes(place) if re.match(r"(model|optim_|param_|train_)", code)]
        found[codes(key)[0]] = paths
    return found


def has(config: Any, path: str) -> bool:
    try:
        value_at(config, path)
    except (KeyError, TypeError, IndexError):
        return False
    return True


def test_what_is_not_read_is_not_read(mmsa):
    sources = {}
    for name, module in (("mult", "MULT"), ("misa", "MISA"), ("self_mm", "SELF_MM")):
        kind = "multiTask" if name == "self_mm" else "singleTask"
        parts = [import_module(f"MMSA.{part}.{kind}.{module}") for part in ("models", "trains")]
        sources[name] = "".join(inspect.getsource(part) for part in parts)
    for name, source in sources.items():
        for key, place, *_ in table_rows(SETTINGS[name]):
            assert ("not read" in place) == (f".{codes(key)[0]}" not in source), key
    for key, names in (("weight_decay\\b", ("mult", "misa")), ("use_bert_finetune", ("mult",))):
        assert not any(re.search(rf"args\.{key}", sources[name]) for name in names)


@pytest.mark.parametrize("scale", ["mosi", "sims", "classes"])
def test_the_metrics_are_those_of_both(scale):
    pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
    from MMSA.utils import MetricsTop

    starts = {"mosi": "MOSI and MOSEI", "sims": "CH-SIMS (", "classes": "Three classes ("}
    text = PAGE.sections["Results"].split(f"\n{starts[scale]}")[1].split("\n\n")[1]
    rows = {codes(row[0])[0]: codes(row[1])[0] for row in table_rows(text)}
    assert rows == {info.mmsa: info.name for info in SCALES[scale]}
    classes = scale == "classes"
    evaluate = MetricsTop("classification" if classes else "regression").getMetics(
        "mosi" if classes else scale
    )
    labels = torch.tensor([0, 1, 2, 2]) if classes else torch.tensor([-0.5, 0.0, 0.5, 1.0])
    scores = torch.eye(3)[labels] if classes else labels + torch.tensor([0.1, -0.2, 0.3, 0.0])
    assert rows.keys() == evaluate(scores, labels).keys()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def folder(tmp_path, tiny, monkeypatch):
    """Where a user of MMSA has a feature file, and a checkpoint."""
    content = runpy.run_path(str(TESTS / "datasets" / "mmsa_files.py"))["mmsa_content"](
        aligned=False
    )
    for split in content.values():
        split["text"] = np.tile(split["text"], 96)  # as wide as BERT's
    (tmp_path / "MOSI" / "Processed").mkdir(parents=True)
    path = tmp_path / "MOSI" / "Processed" / "unaligned_50.pkl"
    path.write_bytes(pickle.dumps(content))
    (tmp_path / "saved_models").mkdir()
    torch.save(mmsa_model("lmf", None).state_dict(), tmp_path / "saved_models" / "lmf-mosi.pth")
    monkeypatch.setenv("PGF_ENCODER", str(tiny))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small(command: str) -> list[str]:
    """Overrides that shorten what MulT is padded to, which takes long."""
    steps = [f"{split}_dataloader.collate_fn.pad_to" for split in ("train", "val", "test")]
    names = ("audio", "vision") if "mult" in command else ()
    return [f"{each}.{name}=20" for each in steps for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("section", [name for name in PAGE.sections if PAGE.commands(name)])
def test_the_commands_of_a_section(section, folder, capsys):
    PAGE.write_files(section, folder)
    for command in PAGE.commands(section):
        assert run(command, *small(command)) == 0, (command, capsys.readouterr())


@pytest.mark.parametrize("name", ["lmf", "tfn", "mult"])
def test_a_checkpoint_without_a_text_encoder_is_imported(name, folder, capsys):
    torch.save(mmsa_model(name, None).state_dict(), "there.pth")
    assert main(["import-mmsa", "there.pth", "--data-root", "MOSI/Processed", *IMPORT]) == 0
    assert f"MMSA's '{name}'" in capsys.readouterr().out

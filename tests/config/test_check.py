"""Everything that is wrong with a config is found at once, each with its key."""

import functools
import inspect
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, DefaultSampler
from mmengine.registry import HOOKS, MODELS
from mmengine.runner import ValLoop
from torch import nn
from torch.utils.data import Dataset

from pgf_plugin.config import (
    check_config,
    find_config,
    list_configs,
    load_config,
    raise_problems,
)
from pgf_plugin.config.load import apply_data_root, dataset_nodes
from pgf_plugin.datasets.synthetic import SyntheticMSADataset
from pgf_plugin.errors import ConfigError
from pgf_plugin.models.encoders.hf_text import HFTextEncoder

SYNTHETIC = "pgf_net/pgf_net_minilm_synthetic"


@pytest.fixture
def cfg():
    return load_config(SYNTHETIC)


def keys(cfg, **options):
    return [problem.key for problem in check_config(cfg, **options)]


def only(cfg):
    (problem,) = check_config(cfg)
    return str(problem)


@pytest.mark.parametrize("name", [n for n in list_configs() if not n.startswith("bench/")])
def test_every_shipped_config_is_right(name):
    assert check_config(load_config(name)) == []


def test_all_problems_are_told_at_once(cfg):
    cfg.model.type = "PGFNett"
    cfg.model.encoder.lora_rnk = 4
    cfg.model.block.gate.type = "PGFGat"
    cfg.train_dataloader.dataset.splitt = "train"
    cfg.train_dataloader.sampler.shufle = True
    cfg.optim_wrapper.optimizer.type = "AdamWW"
    cfg.param_scheduler[0].start_facor = 0.1
    cfg.default_hooks.logger.intervall = 2
    cfg.custom_hooks = [{"type": "TimerHook"}]
    cfg.val_evaluator.type = "MSAMetrics"
    cfg.train_cfg.max_epoch = 3
    cfg.test_cfg.fp = True
    cfg.visualizer.vis_backends[0].type = "LocalVisBackends"
    cfg.log_processor.window = 3
    with pytest.raises(ConfigError, match="mine: 14 problems") as raised:
        raise_problems(cfg, "mine")
    lines = [line.strip() for line in str(raised.value).splitlines()[1:]]
    assert {line.partition(": ")[0] for line in lines} == {
        "model.type",
        "model.encoder.lora_rnk",
        "model.block.gate.type",
        "train_dataloader.dataset.splitt",
        "train_dataloader.sampler.shufle",
        "optim_wrapper.optimizer.type",
        "param_scheduler[0].start_facor",
        "default_hooks.logger.intervall",
        "custom_hooks[0].type",
        "val_evaluator.type",
        "train_cfg.max_epoch",
        "test_cfg.fp",
        "visualizer.vis_backends[0].type",
        "log_processor.window",
    }
    for nearest in ("PGFNet", "lora_rank", "PGFGate", "AdamW", "IterTimerHook", "max_epochs"):
        assert f"Did you mean '{nearest}'?" in str(raised.value)


def test_no_weight_and_no_data_are_read(cfg, monkeypatch):
    @functools.wraps(SyntheticMSADataset.__init__)  # keeps the signature
    def refuse(*args, **kwargs):
        raise RuntimeError("something was read")

    monkeypatch.setattr("transformers.AutoModel.from_pretrained", refuse)
    monkeypatch.setattr(SyntheticMSADataset, "__init__", refuse)
    monkeypatch.setattr(torch, "load", refuse)
    assert keys(cfg) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model.encoder.lora_rank": 0}, "lora_rank must be an integer >= 1, got 0"),
        ({"model.encoder.lora_rank": -4}, "lora_rank must be an integer >= 1, got -4"),
        ({"model.block.adapter.bottleneck": 0}, "bottleneck must be an integer >= 1, got 0"),
        ({"model.start_fusion_layer": 6}, "start_fusion_layer must be below .* 6 layers, got 6"),
        ({"model.feature_dims.audio": 0}, r"feature_dims\.audio must be an integer"),
        ({"model.pooling": "max"}, "pooling must be one of 'cls', 'mean'"),
        ({"model.loss.kind": "l3"}, "kind must be one of 'l1'"),
    ],
)
def test_values_that_a_constructor_refuses(cfg, change, told):
    (key,) = change
    cfg.merge_from_dict(change)
    assert re.search(f"^{re.escape(key)}: .*{told}", only(cfg))


def test_heads_that_do_not_divide_the_width():
    cfg = load_config("mult/mult_minilm_synthetic", {"model.num_heads": 7})
    assert re.search(r"^model\.num_heads: .*num_heads=7", only(cfg))


def test_an_encoder_that_is_not_there(cfg):
    loaders = ("train_dataloader", "val_dataloader", "test_dataloader")
    keys = ("model.encoder.pretrained", *(f"{loader}.dataset.tokenizer" for loader in loaders))
    cfg.merge_from_dict(dict.fromkeys(keys, "./nowhere"))
    assert f"there is no folder {Path('nowhere').absolute()}" in only(cfg)


def test_a_tokenizer_of_another_encoder(cfg):
    cfg.val_dataloader.dataset.tokenizer = "some/model"
    assert only(cfg).startswith("val_dataloader.dataset.tokenizer: is 'some/model', but")


def test_two_spellings_of_one_folder(cfg, tmp_path, monkeypatch):
    for name in ("enc", "other", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    cfg.model.encoder.pretrained = "../enc"
    cfg.model.encoder.pop("architecture", None)
    cfg.train_dataloader.dataset.tokenizer = str(tmp_path / "enc")
    cfg.val_dataloader.dataset.tokenizer = "../enc/"
    cfg.test_dataloader.dataset.tokenizer = "../other"
    assert keys(cfg, build_model=False) == ["test_dataloader.dataset.tokenizer"]


@pytest.mark.parametrize(
    ("remove", "key"),
    [
        ("model", "model"),
        ("train_cfg", "train_cfg"),
        ("optim_wrapper", "optim_wrapper"),
        ("val_evaluator", "val_evaluator"),
        ("test_dataloader", "test_dataloader"),
    ],
)
def test_parts_of_a_run_that_belong_together(cfg, remove, key):
    cfg.pop(remove)
    assert keys(cfg) == [key]


def test_what_a_dataloader_needs(cfg):
    for key in ("dataset", "sampler", "batch_size"):
        cfg.val_dataloader.pop(key)
    assert sorted(keys(cfg)) == [
        "val_dataloader.batch_size",
        "val_dataloader.dataset",
        "val_dataloader.sampler",
    ]


def test_a_misspelt_key_of_the_runner_and_variables(cfg):
    cfg.some_variable = {"type": "anything"}
    cfg.train_dataloder = cfg.pop("train_dataloader")
    cfg.pop("train_cfg")
    cfg.pop("optim_wrapper")
    told = r"train_dataloder: Runner does not know this key \(got .*\)\. Did you mean 'train_data"
    assert re.match(told, only(cfg))


def test_a_variable_beside_the_key_that_it_resembles(cfg):
    cfg.custom_hook = {"type": "LoggerHook"}
    cfg.custom_hooks = [cfg.custom_hook]
    cfg.models = ["PGFNet"]
    assert keys(cfg) == []


@pytest.mark.parametrize(
    "kind",
    ["PGFNet", "pgf_plugin.PGFNet", "pgf_plugin.models.pgf_net.PGFNet", MODELS.get("PGFNet")],
)
@pytest.mark.parametrize("scope", [None, "pgf_plugin", "mmengine"])
def test_every_way_to_name_a_component(cfg, kind, scope):
    cfg.default_scope = scope
    cfg.model.type = kind
    assert keys(cfg) == []
    cfg.model.wdth = 3
    assert keys(cfg) == ["model.wdth"]


def test_a_type_that_is_none_or_no_name(cfg):
    cfg.model.pop("type")
    assert only(cfg).startswith("model: needs a type")
    cfg.model.type = 3
    assert only(cfg) == "model.type: must be a name or a class, got 3"


def test_a_pure_python_config(tmp_path):
    path = tmp_path / "lazy.py"
    path.write_text(
        "from mmengine.dataset import DefaultSampler\n"
        "from pgf_plugin.datasets.synthetic import SyntheticMSADataset\n"
        "from pgf_plugin.models.encoders.hf_text import HFTextEncoder\n"
        "from pgf_plugin.models.text_only import TextOnlyNet\n"
        "model = dict(type=TextOnlyNet, encoder=dict(type=HFTextEncoder, lora_rnk=3,\n"
        "    architecture=dict(model_type='bert')))\n"
        "train_dataloader = dict(batch_size=2, sampler=dict(type=DefaultSampler),\n"
        "    dataset=dict(type=SyntheticMSADataset, splitt='train'))\n"
        "train_cfg = dict(by_epoch=False, max_iters=3, max_epochs=2)\n"
        "optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3))\n"
    )
    assert keys(load_config(path)) == [
        "model.encoder.lora_rnk",
        "train_cfg.max_epochs",
        "train_dataloader.dataset.splitt",
        "train_dataloader.dataset.split",
        "train_dataloader.collate_fn",
        "train_dataloader.dataset.tokenizer",
    ]


class Base(nn.Module):
    def __init__(self, width, depth=1):
        super().__init__()


class PassesOn(Base):
    def __init__(self, height, **kwargs):
        self.taken = kwargs.pop("taken_out", None)
        super().__init__(**kwargs)


class TakesAll(nn.Module):
    def __init__(self, **kwargs):
        super().__init__()


class PassesElsewhere(Base):
    """Hands its ``**kwargs`` to the layer of another library, not to its base class."""

    def __init__(self, in_features, **kwargs):
        super().__init__(width=in_features)
        assert "bias" not in kwargs, "item"
        self.layer = nn.Linear(in_features, **kwargs)


class PassesSome(Base):
    """Sorts its ``**kwargs`` by what they are called, which nobody sees from outside."""

    def __init__(self, **kwargs):
        of_layer = {key: kwargs.pop(key) for key in list(kwargs) if key.startswith("out")}
        super().__init__(**kwargs)
        self.layer = nn.Linear(4, **of_layer)


@pytest.mark.parametrize(
    ("component", "given", "wrong"),
    [
        (Base, {"width": 3}, []),
        (Base, {}, ["model.width"]),
        (PassesOn, {"height": 1, "width": 2, "depth": 3, "taken_out": 4}, []),
        (PassesOn, {"width": 2, "widht": 2}, ["model.widht", "model.height"]),
        (TakesAll, {"anything": 1}, []),
        (PassesElsewhere, {"in_features": 4, "out_features": 1}, []),
        (PassesSome, {"width": 1, "out_features": 1}, []),
    ],
)
def test_arguments_that_a_class_passes_on(component, given, wrong):
    assert keys({"model": {"type": component, **given}}, build_model=False) == wrong


def test_the_arguments_that_are_listed_are_arguments():
    class Speaks(Base):
        def __init__(self, **kwargs):
            self.taken = kwargs.get("taken_out", "item")
            kwargs.setdefault("depth", 2)
            super().__init__(**kwargs)

    (problem,) = check_config({"model": {"type": Speaks, "wide": 3}}, build_model=False)
    assert problem.message.endswith("It takes depth, taken_out, width")


def test_arguments_that_a_parent_fills_in_are_not_missed(cfg):
    """A foreign part of a model, that does not say what its parent passes."""

    class ForeignHead(nn.Linear):
        def __init__(self, in_features, scale):
            super().__init__(in_features, 1)

    cfg.model.head = {"type": ForeignHead, "scale": 2}
    assert keys(cfg) == []
    cfg.model.head = {"type": ForeignHead}
    assert re.search("^model: .*'scale'", only(cfg))


@pytest.mark.parametrize(
    "read",
    [
        lambda: torch.ones(1).item(),
        lambda: torch.linspace(0, 0.1, 3).numpy().tolist(),
        lambda: nn.Linear(2, 2)(torch.ones(1, 2, device="cpu")),
    ],
)
def test_a_foreign_model_that_needs_real_memory_is_left_to_the_run(cfg, read):
    class NeedsMemory(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = read()

    cfg.model = Config({"model": {"type": NeedsMemory}}).model
    assert keys(cfg) == []


def test_an_encoder_with_meta_in_its_name_is_still_refused(cfg):
    loaders = ("train_dataloader", "val_dataloader", "test_dataloader")
    places = ("model.encoder.pretrained", *(f"{loader}.dataset.tokenizer" for loader in loaders))
    cfg.merge_from_dict(dict.fromkeys(places, "./device/meta-llama"))
    assert only(cfg).startswith("model.encoder.pretrained: encoder './device/meta-llama'")


def test_a_hook_keeps_its_priority_and_a_default_hook_may_be_none(cfg):
    cfg.default_hooks.timer = None
    cfg.custom_hooks = [{"type": HOOKS.get("EMAHook"), "priority": "LOW", "momentum": 0.1}]
    assert keys(cfg) == []


def test_lists_of_evaluators_wrapped_datasets_and_class_samplers(cfg):
    cfg.val_evaluator = [{"type": "MSAMetric"}, {"type": "MSAMetrik"}]
    inner = dict(cfg.train_dataloader.dataset, sed=1)
    cfg.train_dataloader.dataset = {"type": "RepeatDataset", "times": 2, "dataset": inner}
    cfg.train_dataloader.sampler = {"type": DefaultSampler, "shufle": True}
    cfg.test_evaluator = {"metrics": [{"type": "MSAMetric", "nme": 1}]}
    assert sorted(keys(cfg)) == [
        "test_evaluator.metrics[0].nme",
        "train_dataloader.dataset.dataset.sed",
        "train_dataloader.sampler.shufle",
        "val_evaluator[1].type",
    ]


class SeveralLoop(ValLoop):
    """Validates on each of several dataloaders."""

    def __init__(self, runner, dataloader, evaluator, fp16=False):
        raise NotImplementedError("is not built")


@pytest.mark.parametrize("collect", [list, lambda loaders: dict(zip("ab", loaders, strict=True))])
def test_several_dataloaders_of_one_loop(cfg, collect, tmp_path):
    loader = cfg.val_dataloader.to_dict()
    wrong = {**loader, "dataset": {**loader["dataset"], "splitt": "val"}}
    cfg.val_dataloader = collect([loader, wrong])
    cfg.val_evaluator = collect([{"type": "MSAMetric"}, {"metrics": [{"type": "MSAMetrics"}]}])
    assert str(check_config(cfg)[0]).startswith("val_dataloader: must be one dataloader, dict(")
    cfg.val_cfg = {"type": SeveralLoop}
    second = {list: "[1]"}.get(collect, ".b")
    found = [f"val_evaluator{second}.metrics[0].type", f"val_dataloader{second}.dataset.splitt"]
    assert keys(cfg) == found
    (tmp_path / "data").mkdir()
    assert apply_data_root(cfg, tmp_path / "data") == 0
    assert "SyntheticMSADataset" in {node["type"] for node in dataset_nodes(cfg)}


class Albu:
    """Wraps transforms of another library, which are in no registry."""

    def __init__(self, transforms):
        self.transforms = transforms


class ForeignData(Dataset):
    def __init__(self, pipeline, dataset=None):
        raise NotImplementedError("is not built")


class PipelineData(BaseDataset):
    """Hands its pipeline to the engine's data set."""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)


def test_what_a_type_means_to_a_transform_of_another_package(cfg):
    albu = {"type": Albu, "transforms": [{"type": "ShiftScaleRotate", "p": 0.5}]}
    dataset = {"type": ForeignData, "pipeline": [albu, {"type": "InNoRegistry"}]}
    cfg.train_dataloader.dataset = dataset
    assert keys(cfg) == []
    cfg.train_dataloader.dataset = {"type": PipelineData, "scale": 1, "pipeline": [albu]}
    assert keys(cfg) == []
    cfg.train_dataloader.dataset.pipeline = [{"type": "InNoRegistry"}]
    cfg.val_dataloader.dataset = {
        "type": ForeignData,
        "pipeline": [],
        "dataset": {"type": "SyntheticMSADataset", "splitt": "val"},
    }
    assert "train_dataloader.dataset.pipeline[0].type" in keys(cfg)
    assert "val_dataloader.dataset.dataset.splitt" in keys(cfg)


def test_the_collate_function_is_checked_too(cfg):
    cfg.train_dataloader.collate_fn = {"type": "msa_collate", "pad": 0}
    assert only(cfg).startswith("train_dataloader.collate_fn.pad: msa_collate has no argument")


def test_the_config_is_left_as_it_was(cfg):
    before = cfg.pretty_text
    check_config(cfg)
    assert cfg.pretty_text == before
    assert isinstance(Config.fromfile(find_config(SYNTHETIC)), Config)


def test_every_part_of_a_model_says_what_its_parent_fills_in():
    """An absent argument is then told with its key, and not by the constructor's TypeError."""
    for name, component in MODELS.module_dict.items():
        if component.__module__.startswith("pgf_plugin.") and component is not HFTextEncoder:
            required = {
                p.name
                for p in inspect.signature(component).parameters.values()
                if p.default is p.empty and p.kind is not p.VAR_KEYWORD
            }
            top_level = hasattr(component, "available_outputs")
            assert top_level or not required or hasattr(component, "supplied"), name

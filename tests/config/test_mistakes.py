"""One config with very many mistakes: each is told at once, with key, value and what is meant."""

import functools
import re

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, METRICS, OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from pgf_plugin.config import check_config, load_config

SYNTHETIC = "pgf_net/pgf_net_minilm_synthetic"

MISTAKES = {
    # key of the config: (value, what is told)
    "log_level": ("INF", "must be an integer or one of 'CRITICAL', .* got 'INF'.* 'INFO'"),
    "resume": ("False", "must be True or False, got 'False'.* False, without quotes"),
    "launcher": ("torch", "must be one of 'none', 'pytorch', .* got 'torch'.* 'pytorch'"),
    "custom_hooks": ({"type": "X"}, r"must be a list .* got \{'type': 'X'\}.* \[\{'type': 'X'\}\]"),
    "randomness.sed": (1, r"no argument 'sed' \(got 1\).* Did you mean 'seed'"),
    "randomness.seed": ("zero", "must be an integer or None, got 'zero'"),
    "env_cfg.cudnn_benchmrk": (True, r"no key of env_cfg \(got True\).* 'cudnn_benchmark'"),
    "env_cfg.mp_cfg.start": ("fork", r"no argument 'start' \(got 'fork'\).* 'mp_start_method'"),
    "auto_scale_lr.enable": ("yes", "must be True or False, got 'yes'"),
    "model.encoder.lora_rnk": (3, r"no argument 'lora_rnk' \(got 3\).* 'lora_rank'"),
    "model.encoder.lora_rank": ("four", "must be an integer or None, got 'four'"),
    "model.encoder.lora_targets": ("query", r"must be a list .* got 'query'.* \['query'\]"),
    "model.block.gate.type": ("PGFGat", "no component 'PGFGat' .* Did you mean 'PGFGate'"),
    "model.block.adapter.bottleneck": (0, "must be an integer >= 1, got 0"),
    "model.feature_dims.audioo": (3, "one of 'audio', 'vision', got 'audioo'.* 'audio'"),
    "model.start_fusion_layer": (9, "below the encoder's 6 layers, got 9"),
    "model.pooling": ("max", "must be one of 'cls', 'mean', got 'max'"),
    "train_dataloader.batch_size": ("16", "must be an integer or None, got '16'.* 16, without"),
    "train_dataloader.num_workers": (-1, r"DataLoader refuses it: .*non-negative.* \(got -1\)"),
    "train_dataloader.sampler.shuffle": ("yes", "must be True or False, got 'yes'"),
    "train_dataloader.batch_sampler.pool_batches": (0, "must be an integer >= 1, got 0"),
    "train_dataloader.dataset.split": ("trian", "one of 'train', .* got 'trian'.* 'train'"),
    "train_dataloader.dataset.modalities": ("text", r"must be a list .*got 'text'.* \['text'\]"),
    "train_dataloader.dataset.max_tokens": (-1, "must be an integer >= 1, got -1"),
    "val_dataloader.batch_size": (0, "should be a positive integer value, .*batch_size=0"),
    "val_dataloader.shuffle": (True, r"mutually exclusive with shuffle \(got True\)"),
    "val_dataloader.dataset.modalities": (["txt"], "one of 'text', .* got 'txt'.* 'text'"),
    "val_dataloader.dataset.reversal_rate": (2, r"in \[0, 1\), got 2"),
    "test_dataloader.sampler": ("DefaultSampler", r"must be dict.* dict\(type='DefaultSampler'\)"),
    "test_dataloader.collate_fn": ("msa_collate", r"must be dict.* dict\(type='msa_collate'\)"),
    "test_dataloader.num_batch_per_epoch": ("all", "must be an integer, got 'all'"),
    "optim_wrapper.dtype": ("half", "must be one of 'float16', .* got 'half'"),
    "optim_wrapper.accumulative_counts": (0, r"refuses it: .*\(got 0\). It is an integer"),
    "optim_wrapper.clip_grad.max_nrm": (1, r"no argument 'max_nrm' \(got 1\).* 'max_norm'"),
    "optim_wrapper.optimizer.lr": (-1, "AdamW refuses it: .*: -1. It is a number"),
    "optim_wrapper.optimizer.betas": ([0.9], r"must be a list of 2 .* got \[0.9\]"),
    "optim_wrapper.optimizer.weight_decay": ("1e-4", "must be a number, got '1e-4'.* 0.0001"),
    "optim_wrapper.paramwise_cfg.bias_mult": (3, r"no key of .*\(got 3\).* 'bias_lr_mult'"),
    "optim_wrapper.paramwise_cfg.custom_keys.head.lr_mul": (3, r"\(got 3\).* 'lr_mult'"),
    "train_cfg.max_epochs": ("ten", "must be an integer, got 'ten'"),
    "val_cfg.fp16": ("no", "must be True or False, got 'no'"),
    "default_hooks.logger.interval": ("5", "must be an integer, got '5'.* 5, without quotes"),
    "default_hooks.logger.priority": ("HIGHH", "must be an integer in 0 … 100 .*'HIGHH'.* 'HIGH'"),
    "default_hooks.checkpoint.rule": ("les", "one of 'less', 'greater' .* got 'les'.* 'less'"),
    "default_hooks.checkpoint.save_best": ("MEA", "is 'MEA', but val_evaluator gives MAE, .*'MAE'"),
    "default_hooks.checkpoint.max_keep_ckpts": (1, "must be -1 or at least 2, got 1"),
    "default_hooks.timer.type": ("IterTimer", "no component 'IterTimer' .* 'IterTimerHook'"),
    "val_evaluator.collect_device": ("cuda", "must be one of 'cpu', 'gpu', got 'cuda'"),
    "test_evaluator.out_file": ("x.txt", "must be one of '.json', '.csv', got '.txt'"),
    "log_processor.window_size": ("ten", "must be an integer, got 'ten'"),
}
SCHEDULERS = [
    {"type": "LinearLR", "start_factor": 2, "begin": 10, "end": 3},
    {"type": "CosineAnealingLR"},
    {"type": "StepLR", "step_size": "9", "gama": 1},
    {"type": "ReduceOnPlateauLR", "monitor": "mae", "rule": "lss"},
]
OF_SCHEDULERS = {
    "param_scheduler[0].start_factor": r"LinearLR refuses it: .*\(got 2\)",
    "param_scheduler[0].begin": "end should be larger than begin, .*begin=10, end=3",
    "param_scheduler[1].type": "no component 'CosineAnealingLR' .* 'CosineAnnealingLR'",
    "param_scheduler[2].step_size": "must be an integer, got '9'.* 9, without quotes",
    "param_scheduler[2].gama": r"no argument 'gama' \(got 1\).* 'gamma'",
    "param_scheduler[3].monitor": "is 'mae', but val_evaluator gives MAE, .* 'MAE'",
    "param_scheduler[3].rule": "must be one of 'less', 'greater', got 'lss'.* 'less'",
}


@pytest.fixture
def cfg():
    return load_config(SYNTHETIC)


def told(cfg):
    return {problem.key: problem.message for problem in check_config(cfg)}


@pytest.mark.engine
def test_every_mistake_is_told_at_once(cfg):
    cfg.optim_wrapper.type = "AmpOptimWrapper"
    cfg.merge_from_dict({key: value for key, (value, _) in MISTAKES.items()})
    cfg.param_scheduler = SCHEDULERS
    found = told(cfg)
    expected = {**{key: message for key, (_, message) in MISTAKES.items()}, **OF_SCHEDULERS}
    assert set(found) == expected.keys() | {"auto_scale_lr.base_batch_size"}
    for key, message in expected.items():
        assert re.search(message, found[key], re.S), f"{key}: {found[key]}"


@pytest.mark.engine
def test_weights_of_a_state_that_grows_are_not_averaged():
    cfg = load_config("self_mm/self_mm_minilm_synthetic")
    assert told(cfg) == {}
    cfg.custom_hooks = [{"type": "EMAHook", "momentum": 0.02, "begin_epoch": 2}]
    assert told(cfg).keys() == {"custom_hooks[0]"}
    assert "cannot average SelfMM" in told(cfg)["custom_hooks[0]"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("optim_wrapper.optimizer", None, r"add optimizer=dict\(type='AdamW', lr=1e-3\)"),
        ("optim_wrapper.optimizer", "AdamW", r"got 'AdamW'\. Did you mean dict\(type='AdamW'\)"),
        ("optim_wrapper.clip_grad", {"type": "values", "clip_value": 1}, "'norm' or 'value'"),
        ("optim_wrapper.constructor", "DefaultOptimWraperConstructor", "'DefaultOptimWrapperCon"),
        ("train_cfg", {"max_epochs": 3}, "set by_epoch=True or False, or a type"),
        ("train_cfg.type", "EpochBasedTrainLoop", "is True beside type"),
        ("train_cfg.val_interval", 1.5, "must be an integer, got 1.5"),
        ("model.head", "MSARegressionHead", r"Did you mean dict\(type='MSARegressionHead'\)"),
        ("model.encoder", {"type": "HFTextEncoder", "architecture": {"model_type": "brt"}}, "brt"),
        ("model.feature_dims.audio", 6, r"is 6, but train_dataloader\.dataset\.audio_dim is 5"),
        (
            "param_scheduler",
            [{"type": "CosineRestartLR", "periods": [5]}],
            "assert .eta_min is",
        ),
        ("param_scheduler", {"type": "StepLR"}, "StepLR needs the argument 'step_size', an int"),
        ("train_dataloader.persistent_workers", True, "needs num_workers > 0"),
        ("train_dataloader", ["x"], r"must be DataLoader or a dict or None, got \['x'\]"),
        ("train_dataloader.dataset", None, r"must be dict\(type=…\), got None"),
        ("train_dataloader.collate_fn", None, r"must be dict\(type=…\), got None"),
        ("train_dataloader.dataset.tokenizer", None, "is missing, and modalities has 'text'"),
        ("train_cfg.max_epochs", -1, "must be an integer >= 1, got -1"),
        ("optim_wrapper.optimizer.lr", "1e-3", "must be a number or Tensor, got '1e-3'.* 0.001, w"),
        ("optim_wrapper.optimizer", [], r"must be dict\(type=…\), got \[\]"),
        ("optim_wrapper.clip_grad.max_norm", -1, "must be a number > 0, got -1"),
        ("param_scheduler", [{"type": "StepLR", "step_size": 0}], "StepLR refuses it: .*zero"),
        ("param_scheduler", [None], r"must be dict\(type=…\), got None"),
        ("custom_hooks", [Hook], r"must be dict\(type=Hook, …\), got the class Hook itself"),
        ("visualizer.vis_backends", [{"save_dir": "x"}], "needs a type, .* of VISBACKENDS"),
        ("visualizer.vis_backends", [{"type": "LocalVisBackend", "save": 1}], "no argument 'save'"),
    ],
)
def test_one_mistake_is_one_problem(cfg, key, value, message):
    for loader in ("train", "val", "test"):
        cfg[f"{loader}_dataloader"].dataset.audio_dim = 5
    cfg.train_dataloader.pop("batch_sampler")
    if not isinstance(value, str | int | float):
        *owners, last = key.split(".")
        functools.reduce(lambda node, name: node[name], owners, cfg)[last] = value
    else:
        cfg.merge_from_dict({key: value})
    ((place, said),) = told(cfg).items()
    assert place.startswith(key.rpartition(".")[0])
    assert re.search(message, said), said


def test_a_decay_without_a_decay_to_multiply(cfg):
    cfg.optim_wrapper.optimizer = {"type": "SGD", "lr": 0.1}
    cfg.optim_wrapper.paramwise_cfg = {"norm_decay_mult": 0.0, "custom_keys": {"head": {"lr": 1.0}}}
    ((key, message),) = told(cfg).items()
    assert key == "optim_wrapper.paramwise_cfg.norm_decay_mult"
    assert "set optimizer.weight_decay" in message


def test_a_misspelt_setting_of_an_architecture(cfg):
    cfg.model.encoder = {
        "type": "HFTextEncoder",
        "architecture": {"model_type": "bert", "hiden_size": 32},
    }
    message = told(cfg)["model.encoder.architecture.hiden_size"]
    assert "got 32" in message
    assert "Did you mean 'hidden_size'?" in message


class Unlucky(type(nn.Module)):
    @property
    def supplied(cls):
        raise RuntimeError("looked at")


class UnluckyHead(nn.Module, metaclass=Unlucky):
    """Raises when it is looked at."""


def test_an_exception_in_one_check_hides_no_other(cfg):
    cfg.model.head = {"type": UnluckyHead}
    cfg.model.block.gate.rank = "eight"
    cfg.train_cfg.max_epochs = "ten"
    found = told(cfg)
    assert found.keys() == {"model.head", "model.block.gate.rank", "train_cfg.max_epochs"}
    assert found["model.head"] == "cannot be checked: RuntimeError: looked at"


class Foreign(Hook):
    """Of another distribution: nobody knows what its constructor does."""

    built = 0

    def __init__(self, names: list[str], level: int = 3):
        Foreign.built += 1
        raise ValueError("names must not be looked at")


def test_hooks_of_others_are_checked_by_signature_and_not_built(cfg):
    cfg.custom_hooks = [{"type": Foreign, "names": ["a"], "level": 2}]
    assert told(cfg) == {}
    cfg.custom_hooks[0].level = "high"
    assert list(told(cfg)) == ["custom_hooks[0].level"]
    assert Foreign.built == 0


def test_metrics_that_do_not_say_what_they_give_are_not_asked(cfg):
    assert METRICS.get("DumpResults") is not None
    cfg.default_hooks.checkpoint.save_best = "accuracy"
    cfg.val_evaluator = [{"type": "MSAMetric"}, {"type": "DumpResults", "out_file_path": "x.pkl"}]
    assert told(cfg) == {}
    cfg.val_evaluator = {"type": "MSAMetric", "prefix": "dev"}
    cfg.default_hooks.checkpoint.save_best = "MAE"
    assert "gives dev/MAE" in told(cfg)["default_hooks.checkpoint.save_best"]


def test_a_monitor_of_other_hooks_is_no_metric(cfg):
    class LossWatch(Hook):
        def __init__(self, monitor="loss"):
            self.monitor = monitor

    class Patience(HOOKS.get("EarlyStoppingHook")):
        pass

    cfg.custom_hooks = [
        {"type": LossWatch, "monitor": "loss"},
        {"type": Patience, "monitor": "loss"},
    ]
    cfg.param_scheduler = [{"type": "ReduceOnPlateauLR", "monitor": "loss"}]
    assert list(told(cfg)) == ["custom_hooks[1].monitor", "param_scheduler[0].monitor"]


def test_a_metric_is_not_chosen_by_its_worst_value(cfg):
    cfg.default_hooks.checkpoint |= {"save_best": ["MAE", "Corr"], "rule": ["less", "greater"]}
    cfg.custom_hooks = [{"type": "EarlyStoppingHook", "monitor": "MAE", "rule": "less"}]
    cfg.param_scheduler = [{"type": "ReduceOnPlateauLR", "monitor": "MAE"}]
    assert told(cfg) == {}
    cfg.default_hooks.checkpoint.rule = "less"
    cfg.custom_hooks[0].rule = "greater"
    cfg.param_scheduler[0].monitor = "Corr"
    assert told(cfg) == {
        "default_hooks.checkpoint.rule": "is 'less', but a higher Corr is better: "
        "set rule='greater'",
        "custom_hooks[0].rule": "is 'greater', but a lower MAE is better: set rule='less'",
        "param_scheduler[0].rule": "is 'less', but a higher Corr is better: set rule='greater'",
    }


# What the engine's documentation shows, and this package does not use itself.
RIGHT = [
    {"optim_wrapper": {"type": "AmpOptimWrapper", "loss_scale": 512.0, "dtype": "bfloat16"}},
    {"optim_wrapper": {"type": "AmpOptimWrapper", "loss_scale": {"init_scale": 2.0**16}}},
    {"optim_wrapper": {"clip_grad": {"type": "value", "clip_value": 0.6, "_delete_": True}}},
    {"optim_wrapper": {"clip_grad": {"max_norm": 35, "norm_type": 2}, "accumulative_counts": 4}},
    {"optim_wrapper": {"paramwise_cfg": {"bypass_duplicate": True, "norm_decay_mult": 0}}},
    {"optim_wrapper": {"paramwise_cfg": {"custom_keys": {"encoder": {"lr_mult": 0.1}}}}},
    {"train_cfg": {"by_epoch": False, "max_iters": 1e3, "val_interval": 50, "_delete_": True}},
    {"train_cfg": {"dynamic_intervals": [(3, 1)]}},
    {"param_scheduler": [{"type": "OneCycleLR", "eta_max": 0.1, "total_steps": 100}]},
    {"param_scheduler": [{"type": "MultiStepLR", "milestones": [1, 3], "gamma": 1}]},
    {"param_scheduler": [{"type": "CosineRestartLR", "periods": [5], "eta_min": 0}]},
    {"param_scheduler": {"type": "PolyLR", "power": 0.9, "eta_min": 0, "by_epoch": True, "end": 4}},
    {"param_scheduler": [{"type": "CosineAnnealingMomentum", "eta_min": 0.8, "T_max": 5}]},
    {"custom_hooks": [{"type": "EMAHook", "momentum": 2e-4, "priority": 49}]},
    {"custom_hooks": [{"type": "EmptyCacheHook", "after_iter": True, "priority": "very_low"}]},
    {"custom_hooks": [{"type": "ProfilerHook", "on_trace_ready": {"type": "tb_trace"}}]},
    {"default_hooks": {"checkpoint": {"type": "CheckpointHook", "save_best": ["MAE", "Corr"],
                                      "rule": ["less", "greater"], "published_keys": "meta"}}},
    {"default_hooks": {"logger": {"type": "LoggerHook", "interval": 5, "out_suffix": ".log"}}},
    {"visualizer": {"vis_backends": [{"type": "TensorboardVisBackend"},
                                     {"type": "WandbVisBackend", "init_kwargs": {"id": "x"}}]}},
    {"visualizer": {"type": "Visualizer", "vis_backends": {"type": "LocalVisBackend", "name": "a"},
                    "_delete_": True}},
    {"train_dataloader": {"num_workers": 2, "persistent_workers": True, "prefetch_factor": 4,
                          "pin_memory": True, "drop_last": False}},
    {"val_dataloader": {"sampler": {"type": "InfiniteSampler", "shuffle": False}}},
    {"env_cfg": {"mp_cfg": {"mp_start_method": "spawn", "opencv_num_threads": 0},
                 "dist_cfg": {"backend": "gloo", "timeout": 1800}, "resource_limit": 4096}},
    {"auto_scale_lr": {"enable": True, "base_batch_size": 16}, "randomness": {"seed": None}},
    {"log_level": "DEBUG", "launcher": "pytorch", "compile": {"backend": "eager"}},
    {"log_processor": {"type": "LogProcessor", "window_size": 5, "custom_cfg": [
        {"data_src": "loss", "method_name": "mean", "window_size": "global"}]}},
    {"model_wrapper_cfg": {"type": "MMDistributedDataParallel", "find_unused_parameters": True}},
]  # fmt: skip


@pytest.mark.engine
@pytest.mark.parametrize("change", RIGHT, ids=lambda change: str(change)[:60])
def test_what_the_engine_takes_is_no_problem(cfg, change):
    schedulers = change.get("param_scheduler", cfg.param_scheduler)
    rest = {key: value for key, value in change.items() if key != "param_scheduler"}
    changed = Config(Config._merge_a_into_b(rest, cfg.to_dict()))
    changed.param_scheduler = schedulers
    assert check_config(changed, build_model=False) == []


def test_several_optimizers_are_for_their_constructor_to_check(cfg):
    class Several:
        def __init__(self, optim_wrapper_cfg, paramwise_cfg=None):
            self.parts = optim_wrapper_cfg

    OPTIM_WRAPPER_CONSTRUCTORS.register_module(name="Several", module=Several, force=True)
    one = {"type": "OptimWrapper", "optimizer": {"type": "SGD", "lr": 0.1}}
    cfg.optim_wrapper = {"constructor": "Several", "encoder": one, "head": one}
    cfg.param_scheduler = {"encoder": [{"type": "StepLR", "step_size": 2}], "head": []}
    assert told(cfg) == {}
    cfg.optim_wrapper.head.optimizer.type = "SDG"
    assert list(told(cfg)) == ["optim_wrapper.head.optimizer.type"]


def test_what_a_type_means_to_its_parent_alone(cfg):
    class Norms(nn.Module):
        def __init__(self, in_features, norm_cfg, parts=()):
            super().__init__()

    cfg.model.head = {
        "type": Norms,
        "norm_cfg": {"type": "BN", "eps": 1e-3},
        "parts": [{"type": 1}],
    }
    assert told(cfg) == {}
    cfg.model.head.parts = [{"type": "PGFGat"}]
    assert list(told(cfg)) == ["model.head.parts[0].type"]

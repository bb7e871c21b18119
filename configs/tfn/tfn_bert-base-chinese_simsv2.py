# TFN on CH-SIMS v2, over the encoder, the features and the schedule of PGF-Net's config.
_base_ = [
    "../_base_/models/tfn.py",
    "../_base_/datasets/simsv2_mmsa_unaligned.py",
    "../_base_/schedules/paper_mosi.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(model_type="bert", vocab_size=21128)),
    feature_dims=_base_.feature_dims,
    head=dict(label_range=(-1.0, 1.0)),
)
train_dataloader = dict(batch_size=128)

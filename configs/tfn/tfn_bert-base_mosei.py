# TFN on CMU-MOSEI, over the encoder, the features and the schedule of PGF-Net's config.
_base_ = [
    "../_base_/models/tfn.py",
    "../_base_/datasets/mosei_mmsa_aligned.py",
    "../_base_/schedules/paper_mosei.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(model_type="bert")),
    feature_dims=_base_.feature_dims,
)
train_dataloader = dict(batch_size=128)

# PGF-Net after arXiv 2508.15852 on CMU-MOSI: 3,067,341 trainable parameters.
_base_ = [
    "../_base_/models/pgf_net.py",
    "../_base_/datasets/mosi_mmsa_aligned.py",
    "../_base_/schedules/paper_mosi.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(model_type="bert")),
    feature_dims=_base_.feature_dims,
)
train_dataloader = dict(batch_size=128)

# MAG-BERT on CH-SIMS, over the features of PGF-Net's config; BERT is trained whole.
_base_ = [
    "../_base_/models/mag_bert.py",
    "../_base_/datasets/sims_mmsa_unaligned.py",
    "../_base_/schedules/paper_mosi.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(model_type="bert", vocab_size=21128)),
    feature_dims=_base_.feature_dims,
)
optim_wrapper = dict(optimizer=dict(lr=5e-5))

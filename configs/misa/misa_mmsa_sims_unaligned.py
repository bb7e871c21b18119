# MISA as MMSA 2.2.1 trains it on CH-SIMS, BERT and all.
#   pgf train misa/misa_mmsa_sims_unaligned --data-root DIR
_base_ = [
    "../_base_/models/misa_mmsa.py",
    "../_base_/datasets/sims_mmsa_reference.py",
    "../_base_/schedules/mmsa_misa.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(vocab_size=21128)),
    feature_dims=_base_.feature_dims,
    difference_weight=0.3,
    similarity_weight=1.0,
    reconstruction_weight=0.8,
    head=dict(dropout=0.0),
)
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(clip_grad=dict(clip_value=1.0))

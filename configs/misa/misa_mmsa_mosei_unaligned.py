# MISA as MMSA 2.2.1 trains it on unaligned MOSEI, BERT and all.
#   pgf train misa/misa_mmsa_mosei_unaligned --data-root DIR
_base_ = [
    "../_base_/models/misa_mmsa.py",
    "../_base_/datasets/mosei_mmsa_reference.py",
    "../_base_/schedules/mmsa_misa.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder),
    feature_dims=_base_.feature_dims,
    difference_weight=0.3,
    similarity_weight=0.8,
    head=dict(dropout=0.5),
)
train_dataloader = dict(batch_size=64)

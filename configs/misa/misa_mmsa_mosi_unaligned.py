# MISA as MMSA 2.2.1 trains it on unaligned MOSI, BERT and all.
#   pgf train misa/misa_mmsa_mosi_unaligned --data-root DIR
_base_ = [
    "../_base_/models/misa_mmsa.py",
    "../_base_/datasets/mosi_mmsa_reference.py",
    "../_base_/schedules/mmsa_misa.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder),
    feature_dims=_base_.feature_dims,
)

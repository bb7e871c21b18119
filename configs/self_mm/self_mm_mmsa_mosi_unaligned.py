# Self-MM as MMSA 2.2.1 trains it on unaligned MOSI.
#   pgf train self_mm/self_mm_mmsa_mosi_unaligned --data-root DIR
_base_ = [
    "../_base_/models/self_mm.py",
    "../_base_/datasets/mosi_mmsa_reference.py",
    "../_base_/schedules/mmsa_self_mm.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(model_type="bert")),
    feature_dims=_base_.feature_dims,
)

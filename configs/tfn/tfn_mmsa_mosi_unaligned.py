# TFN as MMSA 2.2.1 trains it on unaligned MOSI, over the text features of the file.
#   pgf train tfn/tfn_mmsa_mosi_unaligned --data-root DIR
_base_ = [
    "../_base_/models/tfn_mmsa.py",
    "../_base_/datasets/mosi_mmsa_reference_features.py",
    "../_base_/schedules/mmsa.py",
    "../_base_/default_runtime.py",
]
model = dict(
    feature_dims=_base_.feature_dims,
)
train_dataloader = dict(batch_size=32)

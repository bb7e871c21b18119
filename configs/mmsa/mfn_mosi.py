# MFN as MMSA 2.2.1 trains it on word-aligned MOSI, over the text features of the file.
#   pgf train mmsa/mfn_mosi --data-root DIR
_base_ = [
    "../_base_/models/mmsa.py",
    "../_base_/datasets/mosi_mmsa_reference_aligned_features.py",
    "../_base_/schedules/mmsa.py",
    "../_base_/default_runtime.py",
]
model = dict(name="mfn", feature_dims=_base_.feature_dims)
train_dataloader = dict(batch_size=128)
optim_wrapper = dict(optimizer=dict(lr=2e-3))

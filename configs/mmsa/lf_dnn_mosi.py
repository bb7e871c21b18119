# LF-DNN as MMSA 2.2.1 trains it on unaligned MOSI, over the text features of the file.
#   pgf train mmsa/lf_dnn_mosi --data-root DIR
_base_ = [
    "../_base_/models/mmsa.py",
    "../_base_/datasets/mosi_mmsa_reference_features.py",
    "../_base_/schedules/mmsa.py",
    "../_base_/default_runtime.py",
]
model = dict(name="lf_dnn", feature_dims=_base_.feature_dims)
train_dataloader = dict(batch_size=128)
optim_wrapper = dict(optimizer=dict(weight_decay=1e-2))

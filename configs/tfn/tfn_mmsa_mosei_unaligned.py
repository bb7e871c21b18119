# TFN as MMSA 2.2.1 trains it on unaligned MOSEI, over the text features of the file.
#   pgf train tfn/tfn_mmsa_mosei_unaligned --data-root DIR
_base_ = [
    "../_base_/models/tfn_mmsa.py",
    "../_base_/datasets/mosei_mmsa_reference_features.py",
    "../_base_/schedules/mmsa.py",
    "../_base_/default_runtime.py",
]
model = dict(
    feature_dims=_base_.feature_dims,
    hidden_features=dict(audio=16),
    text_features=128,
    dropout=0.4,
    head=dict(hidden_features=16, dropout=0.4),
)
train_dataloader = dict(batch_size=128)
optim_wrapper = dict(optimizer=dict(lr=5e-3))

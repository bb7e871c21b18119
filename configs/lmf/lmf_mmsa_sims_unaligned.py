# LMF as MMSA 2.2.1 trains it on CH-SIMS, over the text features of the file.
#   pgf train lmf/lmf_mmsa_sims_unaligned --data-root DIR
_base_ = [
    "../_base_/models/lmf_mmsa.py",
    "../_base_/datasets/sims_mmsa_reference_features.py",
    "../_base_/schedules/mmsa.py",
    "../_base_/default_runtime.py",
]
model = dict(
    feature_dims=_base_.feature_dims,
    hidden_features=dict(text=64, audio=16, vision=64),
    text_features=32,
    dropout=0.2,
    rank=4,
)
train_dataloader = dict(batch_size=64)
# MMSA's trainer passes the weights of the ranks by: they stay as they start.
optim_wrapper = dict(
    optimizer=dict(lr=2e-3, weight_decay=5e-3),
    paramwise_cfg=dict(custom_keys={"head": dict(lr_mult=0.0), "factors": dict(lr_mult=0.25)}),
)

# MulT as MMSA 2.2.1 trains it on unaligned MOSEI, over a BERT that is trained too (use_bert).
#   pgf train mult/mult_mmsa_mosei_unaligned --data-root DIR
_base_ = [
    "../_base_/models/mult_mmsa.py",
    "../_base_/datasets/mosei_mmsa_reference.py",
    "../_base_/schedules/mmsa_mult.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder),
    feature_dims=_base_.feature_dims,
    width=30,
    num_heads=6,
    kernel_size=dict(text=5, audio=1, vision=3),
    attention_dropout=dict(text=0.4, audio=0.0, vision=0.0),
    embedding_dropout=0.0,
    text_dropout=0.3,
)
train_dataloader = dict(batch_size=4)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [dict(_base_.param_scheduler[0], patience=20)]

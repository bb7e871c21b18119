# MulT as MMSA 2.2.1 trains it on CH-SIMS, over a BERT that is trained too (use_bert).
#   pgf train mult/mult_mmsa_sims_unaligned --data-root DIR
_base_ = [
    "../_base_/models/mult_mmsa.py",
    "../_base_/datasets/sims_mmsa_reference.py",
    "../_base_/schedules/mmsa_mult.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(vocab_size=21128)),
    feature_dims=_base_.feature_dims,
    num_layers=2,
    kernel_size=dict(text=5, audio=1, vision=1),
    attention_dropout=dict(text=0.2, audio=0.1, vision=0.0),
    residual_dropout=0.2,
    embedding_dropout=0.1,
    text_dropout=0.3,
    head=dict(dropout=0.1),
)
param_scheduler = [dict(_base_.param_scheduler[0], patience=10)]

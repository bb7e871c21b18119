# MAG-BERT as MMSA 2.2.1 trains it on CH-SIMS.
#   pgf train mag_bert/mag_bert_mmsa_sims_unaligned --data-root DIR
_base_ = [
    "../_base_/models/mag_bert.py",
    "../_base_/datasets/sims_mmsa_reference.py",
    "../_base_/schedules/mmsa.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(model_type="bert", vocab_size=21128)),
    feature_dims=_base_.feature_dims,
    dropout=0.1,
    reference=True,
)
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(optimizer=dict(lr=5e-5))

# MAG-BERT as MMSA 2.2.1 trains it on word-aligned MOSEI.
#   pgf train mag_bert/mag_bert_mmsa_mosei_aligned --data-root DIR
_base_ = [
    "../_base_/models/mag_bert.py",
    "../_base_/datasets/mosei_mmsa_reference_aligned.py",
    "../_base_/schedules/mmsa.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(model_type="bert")),
    feature_dims=_base_.feature_dims,
    dropout=0.2,
    reference=True,
)
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(optimizer=dict(lr=1e-5))

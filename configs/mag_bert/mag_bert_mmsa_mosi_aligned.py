# MAG-BERT as MMSA 2.2.1 trains it on word-aligned MOSI.
#   pgf train mag_bert/mag_bert_mmsa_mosi_aligned --data-root DIR
_base_ = [
    "../_base_/models/mag_bert.py",
    "../_base_/datasets/mosi_mmsa_reference.py",
    "../_base_/schedules/mmsa.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(model_type="bert")),
    feature_dims=_base_.feature_dims,
    reference=True,
)
dataset = dict(data_file="aligned_50.pkl")
fixed = dict(type="msa_collate", pad_to=dict(text=50, audio=50, vision=50))
train_dataloader = dict(batch_size=32, dataset=dataset, collate_fn=fixed)
val_dataloader = dict(dataset=dataset, collate_fn=fixed)
test_dataloader = dict(dataset=dataset, collate_fn=fixed)
optim_wrapper = dict(optimizer=dict(lr=2e-5))

del dataset, fixed

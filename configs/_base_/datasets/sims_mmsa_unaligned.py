# CH-SIMS in MMSA's feature file (https://github.com/thuiar/MMSA): Chinese, labels in -1 … 1.
_base_ = "mosi_mmsa_aligned.py"

data_root = "data/sims"
encoder = "google-bert/bert-base-chinese"
encoder_architecture = dict(model_type="bert", vocab_size=21128)
feature_dims = dict(audio=33, vision=709)
label_range = (-1.0, 1.0)

dataset = dict(
    data_root=data_root,
    data_file="unaligned_39.pkl",
    feature_dims=feature_dims,
    label_range=label_range,
    tokenizer=encoder,
)

train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)

val_evaluator = dict(scale="sims")
test_evaluator = dict(scale="sims")

del dataset  # shared by the three dataloaders, and no key of the config

# CH-SIMS in MMSA's feature file: Chinese, labels in -1 … 1; there is no word-aligned one.
_base_ = "mosi_mmsa_unaligned.py"
data_root = "data/sims"
encoder = "google-bert/bert-base-chinese"
feature_dims = dict(audio=33, vision=709)
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        data_file="unaligned_39.pkl",
        feature_dims=feature_dims,
        tokenizer=encoder,
        label_range=(-1.0, 1.0),
    )
)
val_evaluator = test_evaluator = dict(scale="sims")

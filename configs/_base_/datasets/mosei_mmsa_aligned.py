# CMU-MOSEI in MMSA's word-aligned feature file: other features than MOSI's, labels of its range.
_base_ = "mosi_mmsa_aligned.py"
data_root = "data/mosei"
feature_dims = dict(audio=74, vision=35)
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(data_root=data_root, feature_dims=feature_dims)
)
val_evaluator = test_evaluator = dict(scale="mosei")

# CMU-MOSEI as MMSA 2.2.1 feeds its models: raw features, batches padded to fixed lengths.
_base_ = "mosi_mmsa_reference.py"
data_root = "data/mosei"
feature_dims = dict(audio=74, vision=35)
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(data_root=data_root, feature_dims=feature_dims)
)
val_evaluator = test_evaluator = dict(scale="mosei")

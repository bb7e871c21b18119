# CH-SIMS v2, its supervised part (https://github.com/thuiar/ch-sims-v2).
_base_ = "sims_mmsa_unaligned.py"
data_root = "data/simsv2"
feature_dims = dict(audio=25, vision=177)
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(data_root=data_root, data_file="ch-simsv2s.pkl", feature_dims=feature_dims)
)
val_evaluator = test_evaluator = dict(scale="simsv2")

# CMU-MOSEI in MMSA's word-aligned feature file (https://github.com/thuiar/MMSA).
_base_ = "mosi_mmsa_aligned.py"

data_root = "data/mosei"
feature_dims = dict(audio=74, vision=35)

dataset = dict(data_root=data_root, feature_dims=feature_dims)

train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)

del dataset  # shared by the three dataloaders, and no key of the config

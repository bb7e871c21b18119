# Word-aligned CMU-MOSI as MMSA 2.2.1 feeds its models: raw features, batches padded to 50 steps.
_base_ = "mosi_mmsa_reference.py"

dataset = dict(data_file="aligned_50.pkl")
fixed = dict(pad_to=dict(audio=50, vision=50))

train_dataloader = dict(dataset=dataset, collate_fn=fixed)
val_dataloader = dict(dataset=dataset, collate_fn=fixed)
test_dataloader = dict(dataset=dataset, collate_fn=fixed)

del dataset, fixed  # shared by the three dataloaders, and no key of the config

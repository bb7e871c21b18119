# CMU-MOSI as MMSA 2.2.1 feeds its models: raw features, batches padded to fixed lengths.
_base_ = "mosi_mmsa_unaligned.py"

dataset = dict(normalize=(), max_tokens=50)
fixed = dict(type="msa_collate", pad_to=dict(text=50, audio=500, vision=375))

train_dataloader = dict(batch_size=16, batch_sampler=None, dataset=dataset, collate_fn=fixed)
val_dataloader = dict(batch_size=16, dataset=dataset, collate_fn=fixed)
test_dataloader = dict(batch_size=16, dataset=dataset, collate_fn=fixed)

del dataset, fixed  # shared by the three dataloaders, and no key of the config

# CH-SIMS as MMSA 2.2.1 feeds its models: raw features, batches padded to fixed lengths.
_base_ = "sims_mmsa_unaligned.py"

dataset = dict(normalize=(), max_tokens=39)
fixed = dict(type="msa_collate", pad_to=dict(text=39, audio=400, vision=55))

train_dataloader = dict(batch_size=16, batch_sampler=None, dataset=dataset, collate_fn=fixed)
val_dataloader = test_dataloader = dict(batch_size=16, dataset=dataset, collate_fn=fixed)

del dataset, fixed  # shared by the three dataloaders, and no key of the config

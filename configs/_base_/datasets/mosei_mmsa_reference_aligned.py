# Word-aligned CMU-MOSEI as MMSA 2.2.1 feeds its models.
_base_ = "mosei_mmsa_reference.py"
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(data_file="aligned_50.pkl"), collate_fn=dict(pad_to=dict(audio=50, vision=50))
)

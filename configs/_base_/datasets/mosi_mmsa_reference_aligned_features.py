# The same over BERT's features, from the file, for MMSA's models without a text encoder.
_base_ = "mosi_mmsa_reference_aligned.py"

dataset = dict(tokenizer=None, text_features=True)

train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)

del dataset  # shared by the three dataloaders, and no key of the config

# CMU-MOSI as MMSA 2.2.1 feeds models without a text encoder: BERT's features, from the file.
_base_ = "mosi_mmsa_reference.py"

dataset = dict(tokenizer=None, text_features=True)

train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)

del dataset  # shared by the three dataloaders, and no key of the config

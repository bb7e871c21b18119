# CMU-MOSEI as MMSA 2.2.1 feeds models without a text encoder: BERT's features, from the file.
_base_ = "mosei_mmsa_reference.py"
train_dataloader = val_dataloader = test_dataloader = dict(
    dataset=dict(tokenizer=None, text_features=True)
)

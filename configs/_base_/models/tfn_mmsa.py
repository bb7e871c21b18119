# TFN as MMSA 2.2.1 computes it, over BERT's features from the file.
_base_ = "tfn.py"
model = dict(
    encoder=dict(_delete_=True, type="PrecomputedTextEncoder", in_features=768), reference=True
)

# MISA as MMSA 2.2.1 computes it, over a BERT that is trained too.
_base_ = "misa.py"
model = dict(
    encoder=dict(
        _delete_=True, type="HFTextEncoder", architecture=dict(model_type="bert"), freeze=False
    ),
    reference=True,
)

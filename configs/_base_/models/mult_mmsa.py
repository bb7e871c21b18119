# MulT as MMSA 2.2.1 computes it, over a BERT that is trained too (use_bert).
_base_ = "mult.py"
model = dict(
    encoder=dict(
        _delete_=True, type="HFTextEncoder", architecture=dict(model_type="bert"), freeze=False
    ),
    position_embedding=False,
    reference=True,
)

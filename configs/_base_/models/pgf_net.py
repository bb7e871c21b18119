# PGF-Net at the paper's size: 3.07 M trainable parameters on BERT-base, every mechanism learnable.
# The preset has the sizes of LoRA, bank, attention, gate, adapter and head, as far as they are not
# given here: '3m', 'full', 'paramfree' or 'lite', see pgf_plugin/models/presets.py.
model = dict(
    type="PGFNet",
    preset="3m",
    encoder=dict(type="HFTextEncoder", lora_dropout=0.1),
    bank=dict(type="PGFBank", kernel_size=3),
    block=dict(type="PGFBlock", gate=dict(type="PGFGate"), adapter=dict(type="PGFAdapter")),
    start_fusion_layer=0,
    pooling="cls",
    head=dict(type="MSARegressionHead", dropout=0.2),
    loss=dict(type="MSARegressionLoss", kind="l1"),
)

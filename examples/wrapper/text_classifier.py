# A stock Hugging Face text classifier with PGF blocks and LoRA in its layers, on synthetic data.
_base_ = [
    "../../configs/_base_/datasets/synthetic.py",
    "../../configs/_base_/schedules/warmup_cosine.py",
    "../../configs/_base_/default_runtime.py",
]
model = dict(
    type="PGFWrapper",
    model=dict(
        type="HFModel",
        auto_class="AutoModelForSequenceClassification",
        pretrained=_base_.encoder,
        num_labels=1,
    ),
    layers="bert.encoder.layer.*",
    feature_dims=_base_.feature_dims,
    lora=dict(targets=r"re:bert\.encoder\.layer\.\d+\.attention\.self\.(query|value)", rank=32),
    head="classifier.*",
    trainable="bert.pooler.**",
)
train_cfg = dict(max_epochs=4)

# A stock vision transformer whose layers also listen: PGF blocks with a bank of sound.
_base_ = [
    "../../configs/_base_/schedules/warmup_cosine.py",
    "../../configs/_base_/default_runtime.py",
]
custom_imports = dict(imports=["image_and_sound"])
model = dict(
    type="PGFWrapper",
    model=dict(
        type="HFModel",
        auto_class="AutoModelForImageClassification",
        architecture=dict(
            model_type="vit",
            image_size=16,
            patch_size=4,
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=64,
        ),
        num_labels=1,
    ),
    model_inputs=dict(pixel_values="image"),
    layers="vit.layers.*",
    feature_dims=dict(sound=4),
    bank_inputs=dict(sound=("sound", None)),  # every step is real
    freeze=False,  # random weights; leave it out with pretrained ones
    loss=dict(type="MSARegressionLoss", kind="mse"),
)

loader = dict(batch_size=32, collate_fn=dict(type="default_collate"))
in_order = dict(type="DefaultSampler", shuffle=False)
train_dataloader = dict(
    loader,
    dataset=dict(type="ImageAndSound", num_samples=1024, seed=0),
    sampler=dict(type="DefaultSampler", shuffle=True),
)
val_dataloader = dict(
    loader, dataset=dict(type="ImageAndSound", num_samples=128, seed=1), sampler=in_order
)
test_dataloader = dict(
    loader, dataset=dict(type="ImageAndSound", num_samples=256, seed=2), sampler=in_order
)
val_evaluator = dict(type="MSAMetric")
test_evaluator = dict(type="MSAMetric")
optim_wrapper = dict(optimizer=dict(lr=3e-3))
train_cfg = dict(max_epochs=6)

del loader, in_order

# The same in a vision transformer of timm, which mmengine builds by its dotted path; needs timm.
_base_ = "vision_transformer.py"
model = dict(
    model=dict(
        _delete_=True,
        type="timm.create_model",
        model_name="vit_tiny_patch16_224",
        img_size=16,
        patch_size=4,
        embed_dim=32,
        depth=3,
        num_heads=2,
        mlp_ratio=2.0,
        num_classes=1,
    ),
    model_inputs="image",
    layers="blocks.*",
)

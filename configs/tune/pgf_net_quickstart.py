# A search over PGF-Net's rates and sizes on synthetic data, small enough for a laptop.
_base_ = "../pgf_net/pgf_net_minilm_synthetic.py"

tune = dict(
    space={
        "optim_wrapper.optimizer.lr": dict(type="log", low=1e-4, high=1e-2),
        "model.encoder.lora_rank": [8, 16, 32],
        "model.start_fusion_layer": dict(type="int", low=0, high=4, step=2),
        "model.head.dropout": dict(type="float", low=0.0, high=0.4),
    },
    metric="MAE",  # of the validation, always
    trials=12,
    seeds=[0],
    sampler=dict(type="tpe", seed=0, n_startup_trials=5),
    pruner=dict(type="median", n_startup_trials=3, n_warmup_steps=1),
)
train_cfg = dict(max_epochs=4)
train_dataloader = dict(dataset=dict(num_samples=256))

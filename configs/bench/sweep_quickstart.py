# Two models at two ranks of LoRA and two learning rates, on synthetic data.
#   pgf bench bench/sweep_quickstart.py --dry-run
bench = dict(
    title="LoRA rank and learning rate on synthetic data",
    models={
        "PGF-Net": "pgf_net/pgf_net_minilm_synthetic.py",
        "Text only": "text_only/text_only_minilm_synthetic.py",
    },
    sweep={
        "model.encoder.lora_rank": [8, 32],
        "optim_wrapper.optimizer.lr": [5e-4, 1e-3],
    },
    seeds=[0, 1],
)
train_cfg = dict(by_epoch=True, max_epochs=3, val_interval=1)

# Where the gates of PGF-Net start: the share of text is sigmoid(init_bias) at first. Synthetic.
#   pgf bench bench/gates.py
bench = dict(
    title="The start of PGF-Net's gates",
    models={"PGF-Net": "pgf_net/pgf_net_minilm_synthetic.py"},
    sweep={"model.block.gate.init_bias": [3.0, 0.0, 1.0, 2.0, 5.0]},
    seeds=[0, 1, 2, 3, 4],
)
train_cfg = dict(by_epoch=True, max_epochs=5, val_interval=1)

# Where the gates of PGF-Net start: the share of the text is sigmoid(init_bias) at first. Planted
# audio and vision over the real transcripts of CMU-MOSI, that carry nothing or the label at 0 dB.
#   pgf bench bench/gates.py --data-root DIR
bench = dict(
    title="Where the gates of PGF-Net start",
    models={"PGF-Net": "pgf_net/pgf_net_mosi_text-audio.py"},
    datasets={
        name: dict(config="mosi_planted", dataset=dict(planted=dict(snr_db=snr_db)))
        for name, snr_db in (("noise", "-inf"), ("0 dB", 0.0))
    },
    sweep={"model.block.gate.init_bias": [3.0, 1.0, 0.0]},
    seeds=[0, 1, 2, 3, 4],
    reference="PGF-Net (init_bias=3.0)",
)
# The model's own config knows audio alone.
model = dict(feature_dims=dict(audio=5, vision=20))
train_cfg = dict(by_epoch=True, max_epochs=4, val_interval=1)

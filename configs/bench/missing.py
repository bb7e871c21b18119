# Audio and vision that are missing at test time: planted at 0 dB over the real transcripts of
# CMU-MOSI, with modality dropout in the training and without.
#   pgf bench bench/missing.py --data-root DIR [--encoder PATH_OF_E5_SMALL]
bench = dict(
    title="Missing modalities: planted audio and vision on CMU-MOSI's transcripts",
    models={
        "PGF-Net": "pgf_net/pgf_net_mosi_text-audio.py",
        # A quarter of the utterances has neither, each time anew.
        "PGF-Net, modality dropout": dict(
            config="pgf_net/pgf_net_mosi_text-audio.py",
            train_dataloader=dict(
                dataset=dict(transforms=[dict(type="ModalityDropout", rate=0.5)])
            ),
        ),
        "Text only": "text_only/text_only_mosi_text-audio.py",
    },
    datasets={"0 dB": dict(config="mosi_planted", dataset=dict(planted=dict(snr_db=0.0)))},
    corruptions={
        f"{name} missing, share of utterances": dict(
            transform=dict(type="MissingModality"), vary=keys, values=[0.5, 1.0]
        )
        for name, keys in {
            "audio": ["rate.audio"],
            "vision": ["rate.vision"],
            "audio and vision": ["rate.audio", "rate.vision"],
        }.items()
    },
    seeds=[0, 1, 2],
    reference="Text only",
)
# The models' own configs know audio alone.
model = dict(feature_dims=dict(audio=5, vision=20))

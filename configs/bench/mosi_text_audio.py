# CMU-MOSI: real transcripts, labels and utterance-level audio, standard split, no vision (the
# vision vectors of that file were extracted by a network that saw part of the test set).
#   pgf bench bench/mosi_text_audio.py --data-root DIR --encoder PATH_OF_E5_SMALL
bench = dict(
    title="CMU-MOSI, text and utterance-level audio",
    models={
        "PGF-Net": "pgf_net/pgf_net_mosi_text-audio.py",
        "MulT": "mult/mult_mosi_text-audio.py",
        "MISA": "misa/misa_mosi_text-audio.py",
        "Text only": "text_only/text_only_mosi_text-audio.py",
    },
    seeds=[0, 1, 2],
)

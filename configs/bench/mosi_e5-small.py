# CMU-MOSI: real transcripts, labels and utterance-level audio, standard split, five seeds.
#   pgf bench bench/mosi_e5-small.py --data-root DIR --encoder PATH_OF_E5_SMALL
bench = dict(
    title="CMU-MOSI over e5-small",
    models={
        "PGF-Net": "pgf_net/pgf_net_e5-small_mosi.py",
        "Text only": "text_only/text_only_e5-small_mosi.py",
    },
    seeds=[0, 1, 2, 3, 4],
    reference="Text only",
)

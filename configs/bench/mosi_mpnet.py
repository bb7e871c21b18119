# CMU-MOSI: real transcripts, labels and utterance-level audio, standard split, three seeds.
#   pgf bench bench/mosi_mpnet.py --data-root DIR --encoder PATH_OF_ALL_MPNET_BASE_V2
bench = dict(
    title="CMU-MOSI over MPNet",
    models={
        "PGF-Net": "pgf_net/pgf_net_mpnet_mosi.py",
        "Text only": "text_only/text_only_mpnet_mosi.py",
    },
    seeds=[0, 1, 2],
    reference="Text only",
)

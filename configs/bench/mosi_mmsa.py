# CMU-MOSI from MMSA's aligned_50.pkl: text, audio and vision, all models over BERT-base.
#   pgf bench bench/mosi_mmsa.py --data-root DIR [--encoder PATH_OF_BERT_BASE]
bench = dict(
    title="CMU-MOSI, MMSA's aligned features",
    models={
        "PGF-Net": "pgf_net/pgf_net_bert-base_mosi.py",
        "MulT": "mult/mult_bert-base_mosi.py",
        "MISA": "misa/misa_bert-base_mosi.py",
        "Self-MM": "self_mm/self_mm_bert-base_mosi.py",
        "MAG-BERT": "mag_bert/mag_bert_bert-base_mosi.py",
        "TFN": "tfn/tfn_bert-base_mosi.py",
        "LMF": "lmf/lmf_bert-base_mosi.py",
        "MMA": "mma/mma_bert-base_mosi.py",
        "Text only": "text_only/text_only_bert-base_mosi.py",
    },
    seeds=[0, 1, 2, 3, 4],
)

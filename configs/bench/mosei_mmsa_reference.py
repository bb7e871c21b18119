# CMU-MOSEI as MMSA 2.2.1 trains and evaluates its models, from its feature files
# (unaligned_50.pkl; aligned_50.pkl for MAG-BERT).
#   pgf bench bench/mosei_mmsa_reference.py --data-root DIR [--models TFN] [--encoder PATH_OF_BERT]
bench = dict(
    title="CMU-MOSEI, MMSA's settings and semantics",
    models={
        "TFN": "tfn/tfn_mmsa_mosei_unaligned.py",
        "LMF": "lmf/lmf_mmsa_mosei_unaligned.py",
        "MulT": "mult/mult_mmsa_mosei_unaligned.py",
        "MISA": "misa/misa_mmsa_mosei_unaligned.py",
        "MAG-BERT": "mag_bert/mag_bert_mmsa_mosei_aligned.py",
        "Self-MM": "self_mm/self_mm_mmsa_mosei_unaligned.py",
    },
    seeds=[1111, 1112, 1113, 1114, 1115],
)

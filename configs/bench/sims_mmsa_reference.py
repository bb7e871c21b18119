# CH-SIMS as MMSA 2.2.1 trains and evaluates its models, from its feature file unaligned_39.pkl.
#   pgf bench bench/sims_mmsa_reference.py --data-root DIR [--models TFN] [--encoder BERT_CHINESE]
bench = dict(
    title="CH-SIMS, MMSA's settings and semantics",
    models={
        "TFN": "tfn/tfn_mmsa_sims_unaligned.py",
        "LMF": "lmf/lmf_mmsa_sims_unaligned.py",
        "MulT": "mult/mult_mmsa_sims_unaligned.py",
        "MISA": "misa/misa_mmsa_sims_unaligned.py",
        "MAG-BERT": "mag_bert/mag_bert_mmsa_sims_unaligned.py",
        "Self-MM": "self_mm/self_mm_mmsa_sims_unaligned.py",
    },
    seeds=[1111, 1112, 1113, 1114, 1115],
)

# CMU-MOSI as MMSA 2.2.1 trains and evaluates its models, with its seeds, from its feature files
# (unaligned_50.pkl; aligned_50.pkl for EF-LSTM, MFN, Graph-MFN and MAG-BERT).
#   pgf bench bench/mosi_mmsa_reference.py --data-root DIR [--models TFN] [--encoder PATH_OF_BERT]
bench = dict(
    title="CMU-MOSI, MMSA's settings and semantics",
    models={
        "EF-LSTM": "mmsa/ef_lstm_mosi.py",
        "LF-DNN": "mmsa/lf_dnn_mosi.py",
        "TFN": "tfn/tfn_mmsa_mosi_unaligned.py",
        "LMF": "lmf/lmf_mmsa_mosi_unaligned.py",
        "MFN": "mmsa/mfn_mosi.py",
        "Graph-MFN": "mmsa/graph_mfn_mosi.py",
        "MulT": "mult/mult_mmsa_mosi_unaligned.py",
        "MISA": "misa/misa_mmsa_mosi_unaligned.py",
        "MAG-BERT": "mag_bert/mag_bert_mmsa_mosi_aligned.py",
        "Self-MM": "self_mm/self_mm_mmsa_mosi_unaligned.py",
    },
    seeds=[1111, 1112, 1113, 1114, 1115],
)

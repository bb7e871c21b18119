# MOSI, MOSEI and CH-SIMS, each from MMSA's feature file in the layout of its download.
#   pgf bench bench/datasets_mmsa.py --data-root DIR     (DIR/MOSI/Processed/aligned_50.pkl, …)
bench = dict(
    title="MOSI, MOSEI and CH-SIMS, MMSA's features",
    models={
        "PGF-Net": "pgf_net/pgf_net_bert-base_mosi.py",
        "MulT": "mult/mult_bert-base_mosi.py",
        "MISA": "misa/misa_bert-base_mosi.py",
        "Self-MM": "self_mm/self_mm_bert-base_mosi.py",
        "Text only": "text_only/text_only_bert-base_mosi.py",
    },
    datasets={
        name: dict(config=config, dataset=dict(data_file=file))
        for name, config, file in (
            ("MOSI", "mosi_mmsa_aligned", "MOSI/Processed/aligned_50.pkl"),
            ("MOSEI", "mosei_mmsa_aligned", "MOSEI/Processed/aligned_50.pkl"),
            ("CH-SIMS", "sims_mmsa_unaligned", "SIMS/Processed/unaligned_39.pkl"),
        )
    },
    seeds=[0, 1, 2],
    reference="Text only",
)

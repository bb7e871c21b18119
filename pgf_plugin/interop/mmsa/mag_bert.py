"""MMSA's BERT_MAG."""

from pgf_plugin.interop.mmsa.conversion import Conversion

MAG_BERT = Conversion(
    model="MAGBert",
    config="mag_bert/mag_bert_mmsa_mosi_aligned.py",
    reads="gate.shifts.{}.weight",
    prefixes={
        "model.bert.embeddings.": "encoder.encoder.embeddings.",
        "model.bert.encoder.": "encoder.encoder.encoder.",
        "model.bert.MAG.W_hv.": "gate.gates.vision.",
        "model.bert.MAG.W_ha.": "gate.gates.audio.",
        "model.bert.MAG.W_v.": "gate.shifts.vision.",
        "model.bert.MAG.W_a.": "gate.shifts.audio.",
        "model.bert.MAG.LayerNorm.": "gate.norm.",
        "model.bert.pooler.dense.": "head.layers.0.",
        "model.classifier.": "head.layers.3.",
    },
    dropped=(r"model\.bert\.embeddings\.position_ids",),
)

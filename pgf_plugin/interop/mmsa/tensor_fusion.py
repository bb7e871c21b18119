"""MMSA's TFN and LMF."""

from pgf_plugin.interop.mmsa.conversion import Conversion

_FEATURES = {
    f"{mmsa}_subnet.{theirs}.": f"subnets.{name}.{ours}."
    for mmsa, name in {"audio": "audio", "video": "vision"}.items()
    for theirs, ours in {
        "norm": "norm",
        "linear_1": "layers.0",
        "linear_2": "layers.2",
        "linear_3": "layers.4",
    }.items()
}
_TEXT = {"text_subnet.rnn.": "text_subnet.rnn.", "text_subnet.linear_1.": "text_subnet.linear."}
_READS, _TEXT_READS = "subnets.{}.layers.0.weight", "text_subnet.rnn.weight_ih_l0"

TFN = Conversion(
    model="TFN",
    config="tfn/tfn_mmsa_mosi_unaligned.py",
    reads=_READS,
    text_reads=_TEXT_READS,
    prefixes={
        **_FEATURES,
        **_TEXT,
        "post_fusion_layer_1.": "head.layers.1.",
        "post_fusion_layer_2.": "head.layers.3.",
        "post_fusion_layer_3.": "head.layers.5.",
    },
    # The bounds of the score, which are an argument of the head here.
    dropped=("output_range", "output_shift"),
    marks=("output_range", "output_shift"),  # LF-DNN has all other names
)

LMF = Conversion(
    model="LMF",
    config="lmf/lmf_mmsa_mosi_unaligned.py",
    reads=_READS,
    text_reads=_TEXT_READS,
    prefixes={
        **_FEATURES,
        **_TEXT,
        "audio_factor": "factors.audio",
        "video_factor": "factors.vision",
        "text_factor": "factors.text",
        "fusion_weights": "head.weight",
        "fusion_bias": "head.bias",
    },
)

"""Models and their parts; importing this package registers them."""

from pgf_plugin.models.base import Fused, MSAModel
from pgf_plugin.models.build import build_module
from pgf_plugin.models.data_preprocessor import MSADataPreprocessor
from pgf_plugin.models.encoders.feature_transformer import FeatureTransformerEncoder
from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.models.encoders.precomputed import PrecomputedTextEncoder
from pgf_plugin.models.fusions.bank import PGFBank
from pgf_plugin.models.fusions.concatenation import PGFConcatenation
from pgf_plugin.models.fusions.cross_attention import PGFCrossAttention
from pgf_plugin.models.fusions.fixed_gate import PGFFixedGate
from pgf_plugin.models.fusions.gate import PGFGate
from pgf_plugin.models.fusions.parameter_free import PGFParameterFreeAttention
from pgf_plugin.models.fusions.pgf_block import PGFBlock
from pgf_plugin.models.fusions.scalar_gate import PGFScalarGate
from pgf_plugin.models.fusions.sum_gate import PGFSumGate
from pgf_plugin.models.fusions.summation import PGFSummation
from pgf_plugin.models.heads.regression import MSARegressionHead
from pgf_plugin.models.hf_model import HFModel
from pgf_plugin.models.lmf import LMF, LMFHead
from pgf_plugin.models.losses.classification import MSAClassificationLoss
from pgf_plugin.models.losses.multilabel import MSAMultilabelLoss
from pgf_plugin.models.losses.regression import MSARegressionLoss
from pgf_plugin.models.mag_bert import MAGBert, MAGBertHead
from pgf_plugin.models.meta import build_on_meta
from pgf_plugin.models.misa import MISA, MISAHead
from pgf_plugin.models.mma import MMA
from pgf_plugin.models.mmsa_model import MMSAModel
from pgf_plugin.models.mult import MulT, MulTHead
from pgf_plugin.models.peft.adapter import PGFAdapter
from pgf_plugin.models.peft.ledger import ledger, parameter_groups
from pgf_plugin.models.peft.mixture_of_adapters import PGFMixtureOfAdapters
from pgf_plugin.models.peft.no_adapter import PGFNoAdapter
from pgf_plugin.models.pgf_net import PGFNet
from pgf_plugin.models.pgf_wrapper import PGFWrapper
from pgf_plugin.models.presets import PRESETS
from pgf_plugin.models.self_mm import SelfMM, SelfMMHead
from pgf_plugin.models.text_only import TextOnlyNet
from pgf_plugin.models.tfn import TFN, TFNHead

__all__ = [
    "LMF",
    "MISA",
    "MMA",
    "PRESETS",
    "TFN",
    "FeatureTransformerEncoder",
    "Fused",
    "HFModel",
    "HFTextEncoder",
    "LMFHead",
    "MAGBert",
    "MAGBertHead",
    "MISAHead",
    "MMSAModel",
    "MSAClassificationLoss",
    "MSADataPreprocessor",
    "MSAModel",
    "MSAMultilabelLoss",
    "MSARegressionHead",
    "MSARegressionLoss",
    "MulT",
    "MulTHead",
    "PGFAdapter",
    "PGFBank",
    "PGFBlock",
    "PGFConcatenation",
    "PGFCrossAttention",
    "PGFFixedGate",
    "PGFGate",
    "PGFMixtureOfAdapters",
    "PGFNet",
    "PGFNoAdapter",
    "PGFParameterFreeAttention",
    "PGFScalarGate",
    "PGFSumGate",
    "PGFSummation",
    "PGFWrapper",
    "PrecomputedTextEncoder",
    "SelfMM",
    "SelfMMHead",
    "TFNHead",
    "TextOnlyNet",
    "build_module",
    "build_on_meta",
    "ledger",
    "parameter_groups",
]

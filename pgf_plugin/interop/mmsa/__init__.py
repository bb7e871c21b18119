"""MMSA (https://github.com/thuiar/MMSA): its checkpoints and its training procedure."""

from pgf_plugin.errors import check_one_of
from pgf_plugin.interop.mmsa.conversion import Conversion, ConvertedState, StateDict
from pgf_plugin.interop.mmsa.mag_bert import MAG_BERT
from pgf_plugin.interop.mmsa.misa import MISA
from pgf_plugin.interop.mmsa.mult import MULT
from pgf_plugin.interop.mmsa.self_mm import SELF_MM
from pgf_plugin.interop.mmsa.tensor_fusion import LMF, TFN
from pgf_plugin.interop.mmsa.training import MMSAAccumulationHook, MMSAOptimWrapper

__all__ = [
    "CONVERSIONS",
    "Conversion",
    "ConvertedState",
    "MMSAAccumulationHook",
    "MMSAOptimWrapper",
    "StateDict",
    "convert_state_dict",
]

CONVERSIONS: dict[str, Conversion] = {
    "bert_mag": MAG_BERT,
    "lmf": LMF,
    "misa": MISA,
    "mult": MULT,
    "self_mm": SELF_MM,
    "tfn": TFN,
}
"""MMSA's name of a model to how its state dict is converted."""


def convert_state_dict(name: str, state_dict: StateDict) -> ConvertedState:
    """Turn the state dict of one of MMSA's models into that of the model here.

    Args:
        name: MMSA's name of the model, such as ``'mult'``.
        state_dict: of MMSA 2.2.1, with or without the prefix ``Model.`` that its trainer writes,
            with its text encoder where it has one.

    Returns:
        what ``load_state_dict`` of the model takes that the config of :data:`CONVERSIONS` builds,
        in a dict whose attribute ``dropped`` names what MMSA has and never trains.

    Raises:
        ValueError: for a model that is not converted.
        DataError: for missing or surplus names, listed.
    """
    return CONVERSIONS[check_one_of("name", name, CONVERSIONS)](name, state_dict)

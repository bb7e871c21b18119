"""Keys at the root of a config: which of them a run reads, and which are variables of the file."""

from functools import cache

from mmengine.runner import Runner

from pgf_plugin.config.signatures import arguments_of

_READ_LATER = frozenset(
    {
        "activation_checkpointing",
        "compile",
        "efficient_conv_bn_eval",
        "find_unused_parameters",
        "model_wrapper_cfg",
        "sync_bn",
    }
)
"""Keys that mmengine's ``Runner`` takes from its config, and not as arguments."""


@cache
def read_by_runner() -> frozenset[str]:
    """Keys that ``Runner`` reads."""
    return (arguments_of(Runner).accepted or frozenset()) | _READ_LATER


def variable_problem(key: str) -> str | None:
    """What is wrong with varying a dotted key that only the config file itself reads."""
    root = key.split(".")[0]
    if root in read_by_runner():
        return None
    return (
        f"{root!r} is a variable of the config, read before a trial begins, and changes nothing: "
        "name the keys that are made from it"
    )

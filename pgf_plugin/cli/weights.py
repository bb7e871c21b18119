"""``pgf weights``: look into a file of weights, and write it as safetensors."""

import argparse
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from pgf_plugin.cli.options import existing_file
from pgf_plugin.errors import ConfigError, DataError
from pgf_plugin.models.encoders.identity import EncoderIdentity
from pgf_plugin.models.encoders.trained_state import IDENTITY_KEY
from pgf_plugin.models.peft.ledger import GROUPS
from pgf_plugin.weights import CHECKPOINT, SAFETENSORS, Weights, read_weights, write_weights


class Row(NamedTuple):
    """What a file holds of one ledger group."""

    tensors: int
    values: int
    bytes: int


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "weights", help="look into a weights file, or write safetensors", description=__doc__
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    inspect = actions.add_parser("inspect", help="print what a file holds, executing nothing")
    inspect.add_argument("file", metavar="FILE", help=f"{CHECKPOINT} or {SAFETENSORS}")
    inspect.set_defaults(run=run_inspect)
    export = actions.add_parser("export", help="write the weights alone, without the optimizer")
    export.add_argument("checkpoint", metavar="CHECKPOINT", help="file that `pgf train` wrote")
    export.add_argument("out", metavar="OUT", help=f"{SAFETENSORS} or {CHECKPOINT}, to write")
    export.set_defaults(run=run_export)


def run_inspect(args: argparse.Namespace) -> int:
    """Print the origin, the encoder, and the tensors by ledger group."""
    path = existing_file(args.file)
    weights = read_weights(path)
    identities = find_identities(path, weights)
    print(f"{path}, {path.stat().st_size:,} bytes")
    print(f"written by  {weights.written_by}")
    for key, identity in identities.items():
        place = "not in the file" if identity.weights else "in the file"
        print(f"{key or 'encoder'}  {identity}, its own weights are {place}")
    if not identities:
        print("encoder  none is named")
    print(f"\n{'group':<10}{'tensors':>10}{'values':>16}{'bytes':>16}")
    for name, row in count_groups(weights.tensors).items():
        print(f"{name:<10}{row.tensors:>10,}{row.values:>16,}{row.bytes:>16,}")
    if weights.others:
        others = (f"{name!r} ({size:,})" for name, size in weights.others.items())
        print(f"\nalso in the file (bytes of tensors): {', '.join(others)}")
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Write the state dict, which carries the encoder's identity, and its origin."""
    out = Path(args.out).expanduser()
    path = existing_file(args.checkpoint)
    if out.exists() and out.samefile(path):
        raise ConfigError(
            f"{out} is the checkpoint itself, which holds what a training needs to go on: give the "
            "weights another name"
        )
    write_weights(read_weights(path), out)
    print(f"{out}, {out.stat().st_size:,} bytes, from {path}")
    return 0


def find_identities(path: Path, weights: Weights) -> dict[str, EncoderIdentity]:
    """Return the encoders that a file names, by their place in the model.

    Raises:
        DataError: if an entry that should name one does not.
    """
    try:
        return {
            name.removesuffix(IDENTITY_KEY).rstrip("."): EncoderIdentity.from_tensor(tensor)
            for name, tensor in weights.tensors.items()
            if _is_identity(name)
        }
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def count_groups(tensors: dict[str, Tensor]) -> dict[str, Row]:
    """Count the tensors of a file by ledger group, with the total last.

    A file has no modules that could claim their parameters, so the names tell: the groups are
    those of the ledger for every model of this package.
    """
    members: dict[str, list[Tensor]] = {name: [] for name in (*GROUPS, "total")}
    for name, tensor in tensors.items():
        if not _is_identity(name):
            members[_group(name)].append(tensor)
            members["total"].append(tensor)
    return {
        group: Row(len(of), sum(t.numel() for t in of), sum(t.nbytes for t in of))
        for group, of in members.items()
        if of or group == "total"
    }


def _is_identity(name: str) -> bool:
    return name.rpartition(".")[2] == IDENTITY_KEY


def _group(name: str) -> str:
    if "lora_" in name:
        return "lora"
    owners = [part for part in name.split(".") if part in ("encoder", "adapter", "head")]
    return owners[-1] if owners else "fusion"

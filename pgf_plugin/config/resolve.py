"""Where configs are: a path, or the name of a config that travels with the package.

Configs live in ``configs/`` of the source tree and in ``pgf_plugin/configs/`` of an installed
package. mmengine refuses ``_base_ = 'pgf_plugin::…'``, so the commands resolve names themselves.
"""

import ast
import shutil
from pathlib import Path

from pgf_plugin.errors import ConfigError, did_you_mean

_PACKAGE = Path(__file__).resolve().parent.parent


def config_root() -> Path:
    """Folder of the shipped configs.

    Raises:
        FileNotFoundError: if the installation has none.
    """
    candidates = (_PACKAGE / "configs", _PACKAGE.parent / "configs")
    for folder in candidates:
        if (folder / "_base_").is_dir():
            return folder
    raise FileNotFoundError(
        f"pgf_plugin was installed without its configs (looked in {candidates[0]}). "
        "Run: python -m pip install --force-reinstall --no-deps pgf-plugin"
    )


def list_configs() -> list[str]:
    """Names of the shipped configs, without the ``_base_`` parts that they are made of."""
    root = config_root()
    names = (path.relative_to(root) for path in root.rglob("*.py"))
    return sorted(name.as_posix() for name in names if "_base_" not in name.parts)


def find_config(name: str | Path) -> Path:
    """Return the file that ``name`` means.

    Args:
        name: an existing file; or a shipped config by its name
            (``'pgf_net/pgf_net_bert-base_mosi.py'``), by its last part alone, with or without
            ``.py``, with or without the leading ``configs/`` that it has in the source tree.

    Raises:
        ConfigError: if there is none, with the nearest name.
    """
    path = Path(name).expanduser()
    for candidate in (path, path.with_name(f"{path.name}.py")):
        if candidate.is_file():
            return candidate
    wanted = path.as_posix().removeprefix("configs/").removesuffix(".py")
    shipped = {shown.removesuffix(".py"): shown for shown in list_configs()}
    by_stem = [shown for key, shown in shipped.items() if key.rpartition("/")[2] == wanted]
    if wanted in shipped:
        return config_root() / shipped[wanted]
    if len(by_stem) == 1:
        return config_root() / by_stem[0]
    hint = f" It may be one of {by_stem}." if by_stem else _nearest(wanted, shipped)
    raise ConfigError(
        f"config {str(name)!r} is neither a file nor the name of a shipped config.{hint} "
        "`pgf config list` shows them all"
    )


def copy_config(name: str | Path, folder: Path, *, force: bool = False) -> list[Path]:
    """Copy a config and the base files it is made of, so that the copy runs from ``folder``.

    The layout below ``folder`` is that of the configs, so that the relative paths in ``_base_``
    stay right, and several copies share their base files.

    Args:
        name: as for :func:`find_config`.
        folder: where the copies go; made if it does not exist.
        force: whether to replace files that differ.

    Returns:
        the files of the copy, the config first.

    Raises:
        ConfigError: if there is no such config.
        FileExistsError: if a file that differs, or the config itself, is in the way; nothing is
            copied then.
    """
    sources = with_bases(find_config(name).resolve())
    root = _common_root(sources)
    targets = [folder / source.relative_to(root) for source in sources]
    if targets[0].resolve() == sources[0]:
        raise FileExistsError(f"{sources[0]} would be copied onto itself; give another folder")
    taken = [
        str(target)
        for source, target in zip(sources, targets, strict=True)
        if target.exists() and target.read_bytes() != source.read_bytes()
    ]
    if taken and not force:
        raise FileExistsError(
            f"{', '.join(taken)} exists and differs from the shipped file; "
            "give another folder, or --force to replace it"
        )
    for source, target in zip(sources, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return targets


def _nearest(wanted: str, shipped: dict[str, str]) -> str:
    hint = did_you_mean(wanted, shipped)
    if hint:
        return hint
    stems = {key.rpartition("/")[2]: shown for key, shown in shipped.items()}
    return did_you_mean(wanted.rpartition("/")[2], stems)


def _common_root(sources: list[Path]) -> Path:
    shipped = config_root()
    if all(source.is_relative_to(shipped) for source in sources):
        return shipped
    parents = [set(source.parents) for source in sources]
    return max(set.intersection(*parents), key=lambda parent: len(parent.parts))


def with_bases(config: Path) -> list[Path]:
    """``config`` and, recursively, the files it inherits from, each once."""
    files = [config]
    for file in files:  # grows while it is walked
        files.extend(base for base in bases_of(file) if base not in files)
    return files


def bases_of(config: Path) -> list[Path]:
    """The files that ``_base_ = …`` or ``with read_base():`` of a config name."""
    found: list[Path] = []
    for node in ast.parse(config.read_text(encoding="utf-8"), str(config)).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "_base_" for target in node.targets
        ):
            value = ast.literal_eval(node.value)
            names = [value] if isinstance(value, str) else value
            found += [config.parent / name for name in names]
        elif isinstance(node, ast.With) and "read_base" in ast.unparse(node.items[0]):
            found += [
                _imported_file(config, statement)
                for statement in node.body
                if isinstance(statement, ast.ImportFrom)
            ]
    return [path.resolve() for path in found]


def _imported_file(config: Path, statement: ast.ImportFrom) -> Path:
    folder = config.parent
    for _ in range(statement.level - 1):
        folder = folder.parent
    return folder.joinpath(*(statement.module or "").split(".")).with_suffix(".py")

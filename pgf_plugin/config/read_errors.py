"""Says in which file and line of a config an error was raised, without mmengine's internals."""

import ast
import os
import traceback
from pathlib import Path
from types import FrameType

from pgf_plugin.config.resolve import bases_of

_IMPORTER = "mmengine.utils.misc.import_modules_from_strings"
_LAZY_CALL = "mmengine.config.lazy.__call__"


def explain(path: Path, error: BaseException) -> str:
    """Tell an error that reading a config raised, in one or two lines.

    Args:
        path: the config; a base file in which the error was raised is named besides.
        error: what ``Config.fromfile`` raised.
    """
    files, calls = _inherited(path), _calls(error)
    file, line = _executed(error)
    if _IMPORTER in calls:
        (file, line), error = _place_of(files, "custom_imports"), _root(error)
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    if isinstance(error, SyntaxError) and not os.path.isfile(error.filename or ""):
        file, line = next(filter(_is_malformed, files), path), error.lineno
    elif isinstance(error, FileNotFoundError) and (user := _user_of(error.filename, files)):
        file, line = user, _line_of(user, "_base_")
        message = f"there is no base file {error.filename}"
    elif calls[-1:] == [_LAZY_CALL]:
        message = "mmengine does not run what a pure-Python config imports, so nothing can call it"
    file = file or (next(filter(_computes_bases, files), path) if line else path)
    base = "" if file.resolve() == path.resolve() else f"its base file {file}, "
    place = f"{base}line {line}: " if line else base
    elsewhere = _raised_elsewhere(error, files) if line else ""
    return (
        f"{path} cannot be read: {place}{type(error).__name__}: {message}{elsewhere}"
        f"{_source(file, line)}"
    )


def _executed(error: BaseException) -> tuple[Path | None, int | None]:
    """The last config file that mmengine was executing, and its line; None where it was not."""
    place: tuple[Path | None, int | None] = None, None
    caller: FrameType | None = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if code.co_name == "<module>" and caller is not None and _module_of(caller) == "mmengine":
            # `_base_ = …` is executed before the rest, and without a name.
            place = Path(code.co_filename) if code.co_filename else None, line
        caller = frame
    return place


def _inherited(path: Path) -> list[Path]:
    """The config and the files that it inherits from, as far as they can be read."""
    files = [path]
    for file in files:  # grows while it is walked
        try:
            bases = bases_of(file)
        except (OSError, SyntaxError, ValueError):  # missing, malformed, or computed
            continue
        files += [base for base in bases if base not in files]
    return files


def _is_malformed(file: Path) -> bool:
    try:
        ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _computes_bases(file: Path) -> bool:
    try:
        bases_of(file)
    except ValueError as error:  # a SyntaxError is none
        return not isinstance(error, UnicodeDecodeError)
    except (OSError, SyntaxError):
        return False
    return False


def _user_of(missing: str | None, files: list[Path]) -> Path | None:
    """The file that names a base file which does not exist."""
    for file in files:
        try:
            if missing and Path(missing).resolve() in bases_of(file):
                return file
        except (OSError, SyntaxError, ValueError):
            continue
    return None


def _calls(error: BaseException) -> list[str]:
    """Full names of the functions that were running, those of the error's cause last."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    names = [f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}" for frame in frames]
    return names + (_calls(error.__cause__) if error.__cause__ is not None else [])


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).split(".")[0]


def _root(error: BaseException) -> BaseException:
    """The first of the errors that led to ``error``."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _raised_elsewhere(error: BaseException, files: list[Path]) -> str:
    """Where a module that the config imports or calls raised the error."""
    if isinstance(error, SyntaxError):
        name, line = error.filename or "", error.lineno
    else:
        frame, line = [*traceback.walk_tb(error.__traceback__)][-1]
        name = frame.f_code.co_filename
        if _module_of(frame) in ("mmengine", "importlib"):
            return ""
    known = {file.resolve() for file in files}
    if not os.path.isfile(name) or Path(name).resolve() in known:
        return ""
    return f" (raised in {name}, line {line})"


def _place_of(files: list[Path], name: str) -> tuple[Path, int | None]:
    """The first of ``files`` that sets ``name``, and the line."""
    places = [(file, _line_of(file, name)) for file in files]
    return next((place for place in places if place[1]), (files[0], None))


def _line_of(file: Path, name: str) -> int | None:
    try:
        body = ast.parse(file.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return None
    for statement in body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return statement.lineno
    return None


def _source(file: Path, line: int | None) -> str:
    """The text of a line, on a line of its own."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    if line is None or not 0 < line <= len(lines):
        return ""
    return f"\n    {lines[line - 1].strip()}"

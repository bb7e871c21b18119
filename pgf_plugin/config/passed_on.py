"""What a constructor does with its ``**kwargs``, read from its source."""

import ast
import inspect
from collections.abc import Callable
from typing import Any

_READS = ("pop", "get")
_CHANGES = ("setdefault", "update")
"""Methods that fill in what the config does not give, and take nothing out."""


def taken_before_super(function: Callable[..., Any]) -> frozenset[str] | None:
    """Names that an ``__init__`` reads of its ``**kwargs``, of which its base class gets the rest.

    Args:
        function: the ``__init__``, with ``**kwargs``.

    Returns:
        the names; None where ``super().__init__`` is not called with ``**kwargs``, or where the
        source is not there or uses them in a way that leaves open which it reads.
    """
    tree = _source_of(function)
    if tree is None or tree.args.kwarg is None:
        return None
    name = tree.args.kwarg.arg
    names: set[str] = set()
    understood, passed = 0, False
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(_is_unpacked(word, name) for word in node.keywords):
            understood += 1
            passed = passed or _is_of_super(node.func)
        elif (read := _name_read(node, name)) is not None:
            understood += 1
            names.update(read)
    return frozenset(names) if passed and understood == _uses(tree, name) else None


def _source_of(function: Callable[..., Any]) -> ast.FunctionDef | None:
    try:
        source = inspect.getsource(inspect.unwrap(function))
        # A method stands indented, and its texts of several lines need not be.
        tree = ast.parse(f"if True:\n{source}" if source[0].isspace() else source)
    except (OSError, TypeError, SyntaxError):
        return None
    return next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)


def _uses(tree: ast.AST, name: str) -> int:
    return sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


def _is_unpacked(word: ast.keyword, name: str) -> bool:
    return word.arg is None and isinstance(word.value, ast.Name) and word.value.id == name


def _is_of_super(called: ast.expr) -> bool:
    """Whether what is called is ``super().__init__``, or ``super(Class, self).__init__``."""
    return (
        isinstance(called, ast.Attribute)
        and called.attr == "__init__"
        and isinstance(called.value, ast.Call)
        and isinstance(called.value.func, ast.Name)
        and called.value.func.id == "super"
    )


def _name_read(node: ast.AST, name: str) -> set[str] | None:
    """The name that an expression reads of ``**kwargs``, none where it fills one in.

    ``kwargs.pop('a')``, ``kwargs['a']`` and ``'a' in kwargs`` read; None for all else.
    """
    match node:
        case ast.Call(ast.Attribute(ast.Name(id), method), [ast.Constant(key), *_]) if id == name:
            if method in _READS:
                return {str(key)}
            return set() if method in _CHANGES else None
        case ast.Call(ast.Attribute(ast.Name(id), method)) if id == name and method in _CHANGES:
            return set()
        case ast.Subscript(ast.Name(id), ast.Constant(key)) if id == name:
            return {str(key)}
        case ast.Compare(ast.Constant(key), [ast.In() | ast.NotIn()], [ast.Name(id)]) if id == name:
            return {str(key)}
    return None

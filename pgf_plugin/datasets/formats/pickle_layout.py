"""Tells from the first bytes of a pickle what kind of data it holds, without reading it."""

import pickletools
from pathlib import Path

_CONTAINERS = {"EMPTY_DICT": "dict", "DICT": "dict", "EMPTY_LIST": "list", "LIST": "list"}
_PASSED = ("MARK", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "PROTO", "FRAME")


def is_pickle(path: Path, head: bytes) -> bool:
    """Whether a file is a pickle; one of protocol 0 is told by its name alone."""
    return head.startswith(b"\x80") or path.suffix in (".pkl", ".pickle")


def holds_tuples(head: bytes) -> bool:
    """Whether a pickle is a list, or a dict of lists of tuples: MISA's layout, if it is any."""
    kinds = _first_kinds(head)
    if kinds[:1] == ["list"]:
        return True
    if kinds[:2] == ["dict", "text"]:
        kinds = kinds[2:]
    # A name is written as two texts.
    named = kinds[1:4] == ["text", "text", "name"] or kinds[1:2] == ["name"]
    return kinds[:1] == ["list"] and (named or kinds[1:2] in (["list"], ["tuple"]))


def _first_kinds(head: bytes, count: int = 8) -> list[str]:
    """Kinds of the first values of a pickle, in the order in which they are built."""
    kinds: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(head):
            if opcode.name in _PASSED:
                continue
            if len(kinds) == count or opcode.name == "STOP":
                break
            if opcode.name in ("GLOBAL", "STACK_GLOBAL"):
                kinds.append("name")
            elif opcode.name in ("EMPTY_TUPLE", "BINGET"):
                kinds.append("tuple")
            else:
                text = isinstance(argument, str)
                kinds.append(_CONTAINERS.get(opcode.name, "text" if text else "number"))
    except (ValueError, IndexError):  # the first bytes end in the middle of one
        pass
    return kinds

"""The part of pickle's language that builds data.

Here are the instructions that build numbers, texts, bytes and plain containers, and that call the
builders which the machine is given. There is none that imports a module, calls a method or sets an
attribute. They are described in the standard library's ``pickletools``.
"""

import codecs
import pickle
import struct
from collections.abc import Callable
from typing import Any, NoReturn

from pgf_plugin.datasets.formats.pickle_machine import (
    MAX_MARKS,
    Builder,
    PickleMachine,
    check_keys,
)
from pgf_plugin.errors import DataError


def run_pickle(machine: PickleMachine) -> Any:
    """Give the object that the pickle in ``machine`` describes.

    Raises:
        DataError: for an instruction or a name that is refused.
        EOFError: if the pickle ends early.
        Exception: others of Python's own for a malformed pickle.
    """
    data, end = machine.data, len(machine.data)
    while machine.position < end:
        opcode = data[machine.position]
        machine.position += 1
        if opcode == _STOP:
            return machine.stack.pop()
        _OPERATIONS[opcode](machine)
    raise EOFError("it ends before its last instruction")


def _refused(what: str) -> Callable[[PickleMachine], NoReturn]:
    def refuse(machine: PickleMachine) -> NoReturn:
        raise DataError(f"the pickle {what}, which feature files do not need; it was refused")

    return refuse


def _unknown(machine: PickleMachine) -> NoReturn:
    opcode = machine.data[machine.position - 1]
    raise pickle.UnpicklingError(f"{opcode:#04x} is no instruction")


def _constant(value: Any) -> Callable[[PickleMachine], None]:
    return lambda machine: machine.stack.append(value)


def _container(kind: type, size: int) -> Callable[[PickleMachine], None]:
    def push(machine: PickleMachine) -> None:
        machine.charge(size)
        machine.stack.append(kind())

    return push


def _mark(machine: PickleMachine) -> None:
    if len(machine.marks) >= MAX_MARKS:
        raise DataError(f"the pickle nests more than {MAX_MARKS} containers")
    machine.marks.append(len(machine.stack))


def _integer_line(machine: PickleMachine) -> None:
    line = machine.take_line().removesuffix("L")
    # Protocol 0 writes booleans as integers with a leading zero.
    machine.push({"00": False, "01": True}.get(line) if line in ("00", "01") else int(line))


def _string_line(machine: PickleMachine) -> None:
    line = machine.take_line()
    if len(line) < 2 or line[0] != line[-1] or line[0] not in "'\"":
        raise pickle.UnpicklingError("a string without quotes")
    machine.push_plain_text(codecs.escape_decode(line[1:-1].encode("latin-1"))[0])


def _unicode_line(machine: PickleMachine) -> None:
    line = machine.take_line().encode("latin-1")
    machine.push(line.decode("raw-unicode-escape"))


def _append(machine: PickleMachine) -> None:
    item = machine.stack.pop()
    machine.charge(8)
    machine.last(list).append(item)


def _appends(machine: PickleMachine) -> None:
    items = machine.pop_mark()
    machine.last(list).extend(items)


def _add_items(machine: PickleMachine) -> None:
    items = machine.pop_mark()
    machine.charge(100 * len(items))
    check_keys(items)
    machine.last(set).update(items)


def _set_item(machine: PickleMachine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_items([key, value])


def _dict(machine: PickleMachine) -> None:
    items = machine.pop_mark()
    machine.push({})
    machine.set_items(items)


def _frozenset(machine: PickleMachine) -> None:
    items = machine.pop_mark()
    machine.charge(216 + 100 * len(items))
    check_keys(items)
    machine.push(frozenset(items))


def _global(machine: PickleMachine) -> None:
    module, name = machine.take_line(), machine.take_line()
    machine.push(machine.find(module, name))


def _stack_global(machine: PickleMachine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if not isinstance(module, str) or not isinstance(name, str):
        raise pickle.UnpicklingError("a name that is no text")
    machine.push(machine.find(module, name))


def _reduce(machine: PickleMachine) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    if not isinstance(function, Builder) or not isinstance(arguments, tuple):
        raise pickle.UnpicklingError("a call of what is no function")
    machine.charge(200)
    machine.push(function.call(*arguments))


def _build(machine: PickleMachine) -> None:
    state = machine.stack.pop()
    machine.charge(200)
    machine.build_state(machine.stack[-1], state)


def _pop(machine: PickleMachine) -> None:
    machine.stack.pop()


_U2, _U4, _U8 = (struct.Struct(f"<{code}") for code in "HIQ")
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")
_STOP = pickle.STOP[0]

_Operation = Callable[[PickleMachine], Any]
_BY_OPCODE: dict[bytes, _Operation] = {
    pickle.MARK: _mark,
    pickle.POP: _pop,
    pickle.POP_MARK: lambda m: m.pop_mark(),
    pickle.DUP: lambda m: m.push(m.stack[-1]),
    pickle.PROTO: lambda m: m.take(1),
    pickle.FRAME: lambda m: m.take(8),
    # Numbers and constants.
    pickle.NONE: _constant(None),
    pickle.NEWTRUE: _constant(True),
    pickle.NEWFALSE: _constant(False),
    pickle.BININT: lambda m: m.push(m.take_number(_I4)),
    pickle.BININT1: lambda m: m.stack.append(m.take_byte()),
    pickle.BININT2: lambda m: m.push(m.take_number(_U2)),
    pickle.LONG1: lambda m: m.push_integer(m.take_byte()),
    pickle.LONG4: lambda m: m.push_integer(m.take_number(_U4)),
    pickle.INT: _integer_line,
    pickle.LONG: _integer_line,
    pickle.BINFLOAT: lambda m: m.push(m.take_number(_F8)),
    pickle.FLOAT: lambda m: m.push(float(m.take_line())),
    # Texts and bytes.
    pickle.SHORT_BINUNICODE: lambda m: m.push_text(m.take_byte()),
    pickle.BINUNICODE: lambda m: m.push_text(m.take_number(_U4)),
    pickle.BINUNICODE8: lambda m: m.push_text(m.take_number(_U8)),
    pickle.SHORT_BINSTRING: lambda m: m.push_plain_text(m.take(m.take_byte())),
    pickle.BINSTRING: lambda m: m.push_plain_text(m.take(m.take_number(_U4))),
    pickle.SHORT_BINBYTES: lambda m: m.push_bytes(m.take_byte()),
    pickle.BINBYTES: lambda m: m.push_bytes(m.take_number(_U4)),
    pickle.BINBYTES8: lambda m: m.push_bytes(m.take_number(_U8)),
    pickle.BYTEARRAY8: lambda m: m.push_bytes(m.take_number(_U8)),
    pickle.STRING: _string_line,
    pickle.UNICODE: _unicode_line,
    # Containers.
    pickle.EMPTY_LIST: _container(list, 64),
    pickle.EMPTY_DICT: _container(dict, 64),
    pickle.EMPTY_TUPLE: _constant(()),
    pickle.EMPTY_SET: _container(set, 216),
    pickle.LIST: lambda m: m.push(m.pop_mark()),
    pickle.TUPLE: lambda m: m.push(tuple(m.pop_mark())),
    pickle.TUPLE1: lambda m: m.pop_tuple(1),
    pickle.TUPLE2: lambda m: m.pop_tuple(2),
    pickle.TUPLE3: lambda m: m.pop_tuple(3),
    pickle.DICT: _dict,
    pickle.FROZENSET: _frozenset,
    pickle.APPEND: _append,
    pickle.APPENDS: _appends,
    pickle.ADDITEMS: _add_items,
    pickle.SETITEM: _set_item,
    pickle.SETITEMS: lambda m: m.set_items(m.pop_mark()),
    # What was written once and is used again.
    pickle.PUT: lambda m: m.remember(int(m.take_line())),
    pickle.BINPUT: lambda m: m.remember(m.take_byte()),
    pickle.LONG_BINPUT: lambda m: m.remember(m.take_number(_U4)),
    pickle.MEMOIZE: lambda m: m.remember(len(m.memo)),
    pickle.GET: lambda m: m.push(m.memo[int(m.take_line())]),
    pickle.BINGET: lambda m: m.stack.append(m.memo[m.take_byte()]),
    pickle.LONG_BINGET: lambda m: m.stack.append(m.memo[m.take_number(_U4)]),
    # Builders.
    pickle.GLOBAL: _global,
    pickle.STACK_GLOBAL: _stack_global,
    pickle.REDUCE: _reduce,
    pickle.BUILD: _build,
    # What data do without.
    **dict.fromkeys((pickle.PERSID, pickle.BINPERSID), _refused("refers to an object elsewhere")),
    **dict.fromkeys(
        (pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX),
        _refused("makes an instance of a class"),
    ),
    **dict.fromkeys(
        (pickle.EXT1, pickle.EXT2, pickle.EXT4), _refused("uses the registry of extensions")
    ),
    **dict.fromkeys(
        (pickle.NEXT_BUFFER, pickle.READONLY_BUFFER), _refused("has buffers outside the file")
    ),
}
_OPERATIONS: list[_Operation] = [_BY_OPCODE.get(bytes([code]), _unknown) for code in range(256)]

"""HTML and SVG from Python: what is not :class:`Markup` is escaped."""

import json
from html import escape
from typing import Any

from pgf_plugin.json_files import json_text

_VOID = {"br", "input", "meta"}


class Markup(str):
    """Text that is HTML or SVG already and is put in as it is."""


def tag(name: str, *children: Any, **attributes: Any) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        *children: their texts in order, escaped where they are no :class:`Markup`; None is left
            out.
        **attributes: ``class_`` stands for ``class`` and ``data_v`` for ``data-v``; None and False
            are left out, True is an attribute without a value.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*parts: Any) -> Markup:
    """Put parts one behind the other, escaped where they are no :class:`Markup`."""
    return Markup("".join(_text(part) for part in parts if part is not None))


def embed_json(content: Any) -> Markup:
    """Return ``content`` as JSON that can stand in a ``<script>``: nothing in it ends the element.

    ``<`` would begin ``</script>`` or ``<!--``; U+2028 and U+2029 end a line in older JavaScript.
    """
    text = json_text(_short(json.loads(json_text(content))))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _short(value: Any) -> Any:
    """Six digits are what a reader needs; ``results.json`` has them all."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list) else value


def _text(part: Any) -> str:
    return part if isinstance(part, Markup) else escape(str(part))


def _attribute(key: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(_number(value))}"'


def _number(value: Any) -> str:
    """Two decimals are a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)

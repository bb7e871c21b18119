"""Texts that UTF-8 has no bytes for: halves of characters, as broken data files have them."""


def encodable(text: str) -> str:
    """Return ``text`` so that it can be written: half a character is U+FFFD, two halves are one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text

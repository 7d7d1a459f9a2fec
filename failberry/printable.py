"""Words from elsewhere, made harmless.  Pure; it imports nothing, for ``failberryctl`` starts with it."""


def printable(text: str, *, instead: str = "?") -> str:
    """Put ``instead`` for each character that is none: controls of a terminal, new lines, half surrogates."""
    return "".join(each if each.isprintable() else instead for each in text)

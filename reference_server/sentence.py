"""How a mistake is told on a command line: one sentence."""


def sentence(text: str) -> str:
    """Return the text with a full stop, and with a capital unless it begins with a name: a file, or a setting."""
    first, _, rest = text.partition(" ")
    if first.isalpha() and not rest.startswith(("= ", "(")):
        text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."

"""Small trees that break one rule each."""

HEADER = "#pragma once\n\n/// What a caller may rely on.\n"


def write(root, path, text):
    """Writes one file of a tree; a header gets what every header needs, unless it has it."""
    if path.endswith(".h") and "#pragma once" not in text:
        text = HEADER + text
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")

"""What may stand on one line of a paper."""

WIDE_SPACE = "\u3000"


def is_one_line(text: str, *, most: int) -> bool:
    """Whether a text is not empty, short enough, and holds only signs that print (全角の空白 is one)."""
    return 0 < len(text) <= most and text.replace(WIDE_SPACE, " ").isprintable()

"""Character classes of Java's regular expressions, as ranges of code points."""

from __future__ import annotations

#: First and last code points of a class's ranges.
Ranges = list[tuple[int, int]]
LAST = 0x10FFFF
#: Characters that end a line, which ``.`` does not match.
LINE_ENDS: Ranges = [(10, 10), (13, 13), (0x85, 0x85), (0x2028, 0x2029)]
_SPACES: Ranges = [(9, 13), (32, 32)]
_DIGITS: Ranges = [(48, 57)]
_UPPER: Ranges = [(65, 90)]
_LOWER: Ranges = [(97, 122)]
_ALPHA = _UPPER + _LOWER
CLASSES: dict[str, Ranges] = {
    "d": _DIGITS,
    "s": _SPACES,
    "w": [*_DIGITS, *_UPPER, (95, 95), *_LOWER],
    "h": [(9, 9), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200A),
          (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)],
    "v": [(10, 13), (0x85, 0x85), (0x2028, 0x2029)],
}  # fmt: skip
#: ``\p{...}``: only POSIX classes, as Unicode has too many.
NAMED: dict[str, Ranges] = {
    "Lower": _LOWER,
    "Upper": _UPPER,
    "ASCII": [(0, 127)],
    "Alpha": _ALPHA,
    "Digit": _DIGITS,
    "Alnum": _DIGITS + _ALPHA,
    "Punct": [(33, 47), (58, 64), (91, 96), (123, 126)],
    "Graph": [(33, 126)],
    "Print": [(32, 126)],
    "Blank": [(9, 9), (32, 32)],
    "Cntrl": [(0, 31), (127, 127)],
    "XDigit": [*_DIGITS, (65, 70), (97, 102)],
    "Space": _SPACES,
}


def with_cases(ranges: Ranges, flags: frozenset[str]) -> Ranges:
    """Add the other case of ASCII letters if case is ignored."""
    if "i" not in flags:
        return ranges
    both = list(ranges)
    for (lowest, highest), shift in ((_UPPER[0], 32), (_LOWER[0], -32)):
        for begin, end in ranges:
            if max(begin, lowest) <= min(end, highest):
                both.append((max(begin, lowest) + shift, min(end, highest) + shift))
    return both


def complement(ranges: Ranges) -> Ranges:
    """Return all characters that are not in a class."""
    found, begin = [], 0
    for first, last in sorted(ranges):
        if first > begin:
            found.append((begin, first - 1))
        begin = max(begin, last + 1)
    return [*found, (begin, LAST)] if begin <= LAST else found


def write(ranges: Ranges) -> str:
    """Return a class in the syntax of Python's ``re``."""
    if not ranges:
        return "(?!)"
    return "[" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in sorted(ranges)) + "]"

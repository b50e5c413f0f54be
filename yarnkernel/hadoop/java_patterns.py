r"""Translate Java's regular expressions for Python's ``re``.

``java.util.regex.Pattern`` describes them. The same syntax sometimes differs in meaning (``\w`` is
ASCII, ``\Q`` quotes, classes have intersections), and a wrong result could be another user's name:
unknown syntax is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from yarnkernel.hadoop.java_classes import (
    CLASSES,
    LAST,
    LINE_ENDS,
    NAMED,
    Ranges,
    complement,
    with_cases,
    write,
)

#: Matches at the end of the text, or before a final line end.
_END = f"(?=(?:\r\n|{write(LINE_ENDS)})?\\Z)"
_CONTROLS = {"t": 9, "n": 10, "r": 13, "f": 12, "a": 7, "e": 27}
_CODE = re.compile(
    r"0([0-3]?[0-7]{1,2})|x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|c(.)",
    re.DOTALL,
)
_GROUP = re.compile(r"\(\?(?:<(?P<name>[A-Za-z][A-Za-z0-9]*)>|(?P<kind>:|>|=|!|<=|<!))")
_FLAGS = re.compile(r"\(\?(?P<on>[is]*)(?:-(?P<off>[is]+))?(?P<end>[:)])")
_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})(?P<kind>[?+]?)")


@dataclass(frozen=True)
class JavaPattern:
    """A translated pattern.

    Attributes
    ----------
    pattern : re.Pattern
        The pattern for Python; its groups are called ``g1``, ``g2``...
    names : dict of str to int
        Numbers of the named groups.
    """

    pattern: re.Pattern[str]
    names: dict[str, int]

    def replace(self, text: str, replacement: str, *, every: bool) -> str:
        """Replace matches in a text (``Matcher.replaceFirst``, ``replaceAll``).

        Raises
        ------
        ValueError
            When the replacement is invalid in Java.
        """
        result, copied, position = "", 0, 0
        # Not by sub(): after an empty match Java moves on, Python first tries a longer match there.
        while position <= len(text) and (found := self.pattern.search(text, position)):
            result += text[copied : found.start()] + self._expand(replacement, found)
            copied = found.end()
            position = copied + (found.start() == copied)
            if not every:
                break
        return result + text[copied:]

    def _expand(self, replacement: str, found: re.Match[str]) -> str:
        result, position = "", 0
        while position < len(replacement):
            char = replacement[position]
            if char == "\\":
                if position + 1 == len(replacement):
                    raise ValueError("a replacement ends with a backslash")
                result += replacement[position + 1]
                position += 2
            elif char == "$":
                number, position = self._reference(replacement, position + 1)
                result += found[f"g{number}" if number else 0] or ""
            else:
                result += char
                position += 1
        return result

    def _reference(self, replacement: str, position: int) -> tuple[int, int]:
        named = re.compile(r"\{(\w+)\}", re.ASCII).match(replacement, position)
        if named:
            if named[1] not in self.names:
                raise ValueError(f"there is no group {named[1]}")
            return self.names[named[1]], named.end()
        digit = re.compile("[0-9]").match(replacement, position)
        if digit is None:
            raise ValueError("a '$' in a replacement has no group")
        number, position = int(digit[0]), digit.end()
        if number and f"g{number}" not in self.pattern.groupindex:
            raise ValueError(f"there is no group {number}")
        while following := re.compile("[0-9]").match(replacement, position):
            # Take more digits as long as there is such a group.
            longer = number * 10 + int(following[0])
            if f"g{longer}" not in self.pattern.groupindex:
                break
            number, position = longer, following.end()
        return number, position


def translate(pattern: str) -> JavaPattern:
    """Translate a pattern for Python.

    Parameters
    ----------
    pattern : str
        In Java's syntax.

    Raises
    ------
    ValueError
        When it is invalid, or has unknown syntax.
    """
    translator = _Translator(pattern)
    try:
        text = translator.alternatives(frozenset())
        if translator.position < len(pattern):
            raise ValueError("a bracket is closed that was not opened")
        return JavaPattern(re.compile(text, re.ASCII), translator.names)
    except (re.error, RecursionError, OverflowError) as exc:
        raise ValueError(str(exc)) from exc


class _Translator:
    """Reads a pattern from its start."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.groups = 0
        self.names: dict[str, int] = {}
        self._atomics = 0

    def _takes(self, expected: str) -> bool:
        """Consume the expected text if it comes next, and return whether it did."""
        if self.pattern.startswith(expected, self.position):
            self.position += len(expected)
            return True
        return False

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.pattern, self.position)
        if found:
            self.position = found.end()
        return found

    def _next(self) -> str:
        if self.position >= len(self.pattern):
            raise ValueError("it ends too early")
        self.position += 1
        return self.pattern[self.position - 1]

    def alternatives(self, flags: frozenset[str]) -> str:
        """Read up to the end of a group, in which flags may change."""
        parts, current = [], ""
        while self.position < len(self.pattern) and self.pattern[self.position] != ")":
            if self._takes("|"):
                parts.append(current)
                current = ""
                continue
            changed = self._match(_FLAGS) if self.pattern.startswith("(?", self.position) else None
            if changed and changed["end"] == ")":
                flags = _change(flags, changed)
            elif changed:
                current += self._quantified(self._grouped("(?:", _change(flags, changed)))
            else:
                current += self._piece(flags)
        return "|".join([*parts, current])

    def _grouped(self, opening: str, flags: frozenset[str]) -> str:
        inside = self.alternatives(flags)
        if not self._takes(")"):
            raise ValueError("a bracket is not closed")
        return f"{opening}{inside})"

    def _piece(self, flags: frozenset[str]) -> str:
        if self._takes("\\Q"):
            quoted, _, _ = self.pattern[self.position :].partition("\\E")
            self.position = min(len(self.pattern), self.position + len(quoted) + 2)
            if not quoted:
                return ""
            return "".join(_chars(c, flags) for c in quoted[:-1]) + self._quantified(
                _chars(quoted[-1], flags)
            )
        return self._quantified(self._atom(flags))

    def _quantified(self, atom: str) -> str:
        found = self._match(_QUANTIFIER)
        if found is None:
            return atom
        if found["kind"] == "+":
            return self._atomic(f"{atom}{found[0][:-1]}")
        return f"{atom}{found[0]}"

    def _atomic(self, inside: str) -> str:
        # Python only has atomic groups since 3.11.
        self._atomics += 1
        name = f"a{self._atomics}"
        return f"(?:(?=(?P<{name}>{inside}))(?P={name}))"

    def _atom(self, flags: frozenset[str]) -> str:
        char = self._next()
        if char == "(":
            self.position -= 1
            return self._group(flags)
        if char == "\\":
            return self._escaped(flags)
        if char in "*+?{":
            raise ValueError(f"{char!r} has nothing to repeat")
        if char == "[":
            return write(self._class(flags))
        dot = write([(0, LAST)] if "s" in flags else complement(LINE_ENDS))
        return {".": dot, "^": r"\A", "$": _END}.get(char) or _chars(char, flags)

    def _group(self, flags: frozenset[str]) -> str:
        found = self._match(_GROUP)
        if found and found["kind"]:
            if found["kind"] == ">":
                return self._atomic(self._grouped("(?:", flags))
            return self._grouped(f"(?{found['kind']}", flags)
        if not found and self.pattern.startswith("(?", self.position):
            raise ValueError(f"{self.pattern[self.position :]!r} is not known here")
        if not found:
            self.position += 1
        self.groups += 1
        if found and found["name"] in self.names:
            raise ValueError(f"there are two groups {found['name']}")
        if found:
            self.names[found["name"]] = self.groups
        return self._grouped(f"(?P<g{self.groups}>", flags)

    def _escaped(self, flags: frozenset[str]) -> str:
        for name, meaning in (("A", r"\A"), ("z", r"\Z"), ("b", r"\b"), ("B", r"\B")):
            if self._takes(name):
                return meaning
        if self._takes("Z"):
            return _END
        if self._takes("k<"):
            name, _, _ = self.pattern[self.position :].partition(">")
            self.position += len(name) + 1
            if name not in self.names:
                raise ValueError(f"there is no group {name}")
            return self._back_reference(self.names[name], flags)
        if self.pattern[self.position : self.position + 1] in tuple("123456789"):
            number = int(self._next())
            while (digit := self.pattern[self.position : self.position + 1]) in tuple("0123456789"):
                if number * 10 + int(digit) > self.groups:
                    break
                number = number * 10 + int(self._next())
            return self._back_reference(number, flags)
        return write(self._escaped_class(flags))

    @staticmethod
    def _back_reference(number: int, flags: frozenset[str]) -> str:
        return f"(?i:(?P=g{number}))" if "i" in flags else f"(?P=g{number})"

    def _escaped_class(self, flags: frozenset[str]) -> Ranges:
        """Read what follows a backslash, inside or outside a class."""
        if found := self._match(_CODE):
            octal, *hexadecimal, control = found.groups()
            codes = [int(digits, 16) for digits in hexadecimal if digits]
            code = int(octal, 8) if octal else ord(control) ^ 64 if control else codes[0]
            if code > LAST:
                raise ValueError("a character that there is none of")
            return with_cases([(code, code)], flags)
        char = self._next()
        if char in _CONTROLS:
            return [(_CONTROLS[char], _CONTROLS[char])]
        if char.lower() in CLASSES:
            ranges = CLASSES[char.lower()]
            return ranges if char.islower() else complement(ranges)
        if char in "pP":
            found = self._match(re.compile(r"\{(\w+)\}"))
            ranges = NAMED.get(found[1] if found else "", [])
            if not ranges:
                raise ValueError(f"\\{char}{found[0] if found else ''} is not known here")
            ranges = with_cases(ranges, flags)
            return ranges if char == "p" else complement(ranges)
        if char.isascii() and char.isalnum():
            raise ValueError(f"\\{char} is not known here")
        return with_cases([(ord(char), ord(char))], flags)

    def _class(self, flags: frozenset[str]) -> Ranges:
        """Read a class after its opening bracket."""
        negated = self._takes("^")
        operands: list[Ranges] = [[]]
        begin = self.position
        while not (self.position > begin and self._takes("]")):
            if self._takes("&&"):
                operands.append([])
            elif self._takes("["):
                operands[-1] += self._class(flags)
            else:
                operands[-1] += self._range(flags)
        if len(operands) > 1 and (negated or not all(operands)):
            raise ValueError("a class whose meaning differs between versions of Java")
        found = operands[0]
        for operand in operands[1:]:
            # The intersection is the complement of the complements' union.
            found = complement(complement(found) + complement(operand))
        return complement(found) if negated else found

    def _range(self, flags: frozenset[str]) -> Ranges:
        if self._takes("\\Q"):
            quoted, _, _ = self.pattern[self.position :].partition("\\E")
            self.position = min(len(self.pattern), self.position + len(quoted) + 2)
            return with_cases([(ord(char), ord(char)) for char in quoted], flags)
        first = self._single()
        after = self.pattern[self.position + 1 : self.position + 2]
        if len(first) != 1 or first[0][0] != first[0][1] or after in ("", "]", "["):
            return with_cases(first, flags)
        if not self._takes("-"):
            return with_cases(first, flags)
        last = self._single()
        if len(last) != 1 or last[0][0] != last[0][1] or last[0][0] < first[0][0]:
            raise ValueError("a range in a class that is none")
        return with_cases([(first[0][0], last[0][0])], flags)

    def _single(self) -> Ranges:
        char = self._next()
        return self._escaped_class(frozenset()) if char == "\\" else [(ord(char), ord(char))]


def _change(flags: frozenset[str], found: re.Match[str]) -> frozenset[str]:
    return (flags | frozenset(found["on"])) - frozenset(found["off"] or "")


def _chars(char: str, flags: frozenset[str]) -> str:
    if "i" not in flags:
        return re.escape(char)
    return write(with_cases([(ord(char), ord(char))], flags))

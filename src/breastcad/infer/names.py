"""Keeping identifiers out of results: parts of a path that hold a patient's id or name, or a DICOM UID, become ``#k``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePath

# A DICOM UID: an arc 0, 1 or 2 and at least four further numbers; 2.25 and one long number is the form made from a UUID.
_UID = re.compile(r"(?<!\d)(?<!\d\.)(?:[0-2](?:\.\d+){4,}|2\.25\.\d{10,})(?![\d])")
# UIDs of the standard itself (transfer syntaxes, kinds of object) identify nobody and may stand in a reason.
_STANDARD_UID = "1.2.840.10008."
_SUFFIXES = frozenset({".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pgm", ".bmp"})
_SHORTEST_ANYWHERE, _SHORTEST_PART = 4, 2
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_NUMBERED = re.compile(r"#\d+(\.\w+)?$")


def looks_like_uid(text: str) -> bool:
    """Say if a text holds something that looks like a DICOM UID.

    Examples
    --------
    >>> looks_like_uid("IM-1.2.826.0.1.3680043.dcm"), looks_like_uid("2024.01.31")
    (True, False)
    """
    return _UID.search(text) is not None


class Names:
    """Sources as they may be written: the same part of a path has the same number wherever it stands.

    Numbers are given in the order of reading, from 1, so that who holds the files can find the part again.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        # By their last letters, which differ most: a call may teach tens of thousands, and each is looked for in every path.
        self._whole: dict[str, set[str]] = {}
        self._texts: dict[str, dict[str, str]] = {}  # folded forms to the texts

    def learn(self, private: Iterable[str]) -> None:
        """Take in strings that must not be written, e.g. `core.records.Picture.private`: patient's id and name, UIDs."""
        for text in private:
            # Of a name, each part by itself gives it away too; an initial stands in too many paths.
            parts = {part for part in re.split(r"[\^=,\s]+", text) if len(_plain(part)) >= _SHORTEST_PART}
            for plain in {plain for part in (text, *parts) for plain in (_plain(part), _plain(_spelt_out(part))) if plain}:
                self._whole.setdefault(plain[-_SHORTEST_ANYWHERE:], set()).add(plain)
            if len(text.strip()) >= _SHORTEST_ANYWHERE:
                folded = _folded(text.strip())
                self._texts.setdefault(folded[-_SHORTEST_ANYWHERE:], {})[folded] = text.strip()

    def source(self, relative: str | PurePath) -> str:
        """Return a path, relative to its argument, as it may be written; with ``/``, and a backslash that is part of a name as ``%5C``.

        Examples
        --------
        >>> names = Names()
        >>> names.learn(["DOE^JANE"])
        >>> names.source("a/jane doe/1.2.840.113619.2.55.3.dcm"), names.source("b/Jane Doe")
        ('a/#1/#2.dcm', 'b/#3')
        """
        return "/".join(_writable(self._part(part)).replace("\\", "%5C") for part in PurePath(relative).parts)

    def text(self, text: str) -> str:
        """Return a sentence without private strings and UIDs."""
        whole = _folded(text)
        held = {
            private for end in range(_SHORTEST_ANYWHERE, len(whole) + 1)
            for folded, private in self._texts.get(whole[end - _SHORTEST_ANYWHERE : end], {}).items() if whole.endswith(folded, 0, end)
        }  # fmt: skip
        for private in sorted(held, key=len, reverse=True):
            text = re.sub(re.escape(private), "#", text, flags=re.IGNORECASE)
        return _writable(_UID.sub(lambda found: found.group() if found.group().startswith(_STANDARD_UID) else "#", text))

    def _part(self, part: str) -> str:
        if _NUMBERED.match(part) or not (looks_like_uid(part) or self._is_private(part)):
            return part
        suffix = PurePath(part).suffix
        suffix = suffix if suffix.lower() in _SUFFIXES else ""
        return f"#{self._numbers.setdefault(part, len(self._numbers) + 1)}{suffix}"

    def _is_private(self, part: str) -> bool:
        plain = _plain(part)
        words = {_plain(word) for word in re.split(r"[\W_]+", unicodedata.normalize("NFC", PurePath(part).stem))}
        if any(word in self._whole.get(word, ()) for word in words if len(word) < _SHORTEST_ANYWHERE):
            return True
        ends = range(_SHORTEST_ANYWHERE, len(plain) + 1)
        return any(
            plain.endswith(private, 0, end) for end in ends for private in self._whole.get(plain[end - _SHORTEST_ANYWHERE : end], ())
        )


def _plain(text: str) -> str:
    """Return letters without accents, and digits, in lower case: ``DOE^JÄNE`` and ``doe_jane`` are the same."""
    return "".join(character for character in unicodedata.normalize("NFKD", text.casefold()) if character.isalnum())


def _spelt_out(text: str) -> str:
    """Return a text with its umlauts spelt out, as names of files often have them: ``Müller`` is ``mueller``."""
    return unicodedata.normalize("NFC", text.casefold()).translate(_UMLAUTS)


def _folded(text: str) -> str:
    """Return a text in which whatever `re.IGNORECASE` takes as the same is the same; Turkish i's are not folded by casefold."""
    return text.translate({0x130: "i", 0x131: "i"}).casefold()


def _writable(text: str) -> str:
    """Return a text as UTF-8 can hold it and a terminal may show it.

    The bytes of a file's name that are no UTF-8 become ``%XX``, control characters ``?``: they could rewrite what is on a screen.
    """
    signs = {"Cc": lambda character: "?", "Cs": lambda character: f"%{ord(character) & 0xFF:02X}"}
    return "".join(signs.get(unicodedata.category(character), str)(character) for character in text)

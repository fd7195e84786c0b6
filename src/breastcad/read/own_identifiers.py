"""Columns of a user's table that say who a person is: names, birth dates, addresses, phones, e-mail, numbers of insurance."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping

# In a column's name: letters that stand anywhere in it, words of it, and words that make a "name" a person's.
_LETTERS = re.compile(
    "surname|firstname|lastname|familyname|maidenname|birthname|patients?name|birthdate|birthday|dateofbirth|address|phone|email"
    "|insurance|socialsecurity|vorname|nachname|familienname|geburtsdatum|geburtstag|geburtsname|gebdat|adresse|anschrift|telefon"
    "|versicher|krankenkasse"
)
_WORDS = {
    *("birth", "dob", "geb", "tel", "fax", "mail", "street", "strasse", "zip", "zipcode", "postcode", "plz", "ssn", "mrn", "accession"),
    *("nombre", "apellido", "apellidos", "prenom", "nome", "cognome", "nascimento", "nacimiento", "naissance", "nascita"),
}
_PERSONS = {
    *(
        "patient",
        "patients",
        "person",
        "woman",
        "subject",
        "first",
        "last",
        "family",
        "given",
        "full",
        "middle",
        "maiden",
        "birth",
        "mother",
    ),
    *("physician", "physicians", "doctor", "operator", "operators", "nurse", "other"),
}
_NOT_BIRTH = {"age", "first", "year", "years", "weight", "control"}
# In a cell: a name as DICOM writes it, an e-mail address, a phone number with its country, a social security number.
_PERSON_NAME = re.compile(r"[^\W\d_][^\^]*\^[^\W\d_].*")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w")
_NUMBER = re.compile(r"\+\d[\d ()/-]{6,}\d|\d{3}-\d{2}-\d{4}", re.ASCII)


def names_a_person(column: str) -> bool:
    """Say if a column's name says that it identifies a person directly.

    Examples
    --------
    >>> [names_a_person(name) for name in ("PatientName", "birth_date", "E-Mail", "patient_id", "file_name", "age_at_first_birth")]
    [True, True, True, False, False, False]
    """
    text = re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", column.removeprefix("x_"))
    text = "".join(letter for letter in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(letter))
    words = re.findall(r"[^\W\d_]+", text)
    held = set(words) & _WORDS - ({"birth"} if _NOT_BIRTH & set(words) else set())
    named = {"name", "names"} & set(words) and (len(words) == 1 or _PERSONS & set(words))
    return bool(held or named or _LETTERS.search("".join(words)))


def is_of_a_person(cell: str) -> bool:
    """Say if a cell holds what identifies a person directly: a DICOM name, an e-mail address, a phone or social security number.

    Examples
    --------
    >>> [is_of_a_person(cell) for cell in ("Doe^Jane", "ask jane@example.org", "+49 351 1234567", "P-017", "2020-01-31", "1.2.840")]
    [True, True, True, False, False, False]
    """
    return bool(_PERSON_NAME.fullmatch(cell) or _EMAIL.search(cell) or _NUMBER.fullmatch(cell))


def identifying(rows: Iterable[Mapping[str, str]], taken: Collection[str]) -> list[str]:
    """Return the columns that identify a person, by their name or by a cell, but for those that are taken for something of ours."""
    found: dict[str, bool] = {}
    for cells in rows:
        for name, cell in cells.items():
            if name not in taken and not found.get(name):
                found[name] = (name not in found and names_a_person(name)) or is_of_a_person(cell)
    return [name for name, held in found.items() if held]

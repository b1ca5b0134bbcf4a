"""The short name of a turn that people can read out to an administrator, such as T-7F3K.

Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O or U, and what is misread is read right.
"""

from __future__ import annotations

from typing import Final, NewType

TurnCode = NewType("TurnCode", str)

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_PREFIX: Final = "T-"
_SHORTEST: Final = 4  # digits
_MAX_NUMBER: Final = 2**63 - 1  # what a database's number can be
_LOOKS: Final = "a code looks like T-7F3K"


def code_of(number: int) -> TurnCode:
    """The code of the turn with this number in the ledger."""
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    return TurnCode(_PREFIX + digits.rjust(_SHORTEST, "0"))


def number_of(code: str) -> int:
    """The number behind a code, written with or without its T-, in any case. Raises ValueError for anything else."""
    digits = code.strip().upper().removeprefix(_PREFIX).translate(_MISREAD)
    if not digits or not set(digits) <= set(_DIGITS):
        raise ValueError(_LOOKS)
    number = 0
    for digit in digits:
        number = number * 32 + _DIGITS.index(digit)
        if number > _MAX_NUMBER:
            raise ValueError(_LOOKS)
    return number

"""A value that must not be seen."""

from __future__ import annotations

from typing import final


@final
class Secret:
    """A key or password. Only `reveal` gives it out: repr, str and format show that there is one, never which."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give out the value, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(set)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.turn_code import code_of, number_of


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_code_leads_back_to_its_number_however_it_is_written(number: int) -> None:
    code = code_of(number)
    assert {number_of(way) for way in (code, code.lower(), code.removeprefix("T-"), f" {code}\n")} == {number}
    assert not set("ILOU") & set(code)


def test_codes_are_short_and_what_is_misread_is_read_right() -> None:
    assert [code_of(number) for number in (1, 31, 32, 245_363)] == ["T-0001", "T-000Z", "T-0010", "T-7FKK"]
    assert number_of("t-OOl0") == number_of("T-0010") == 32


@pytest.mark.parametrize(
    "code", ["", "T-", "T-7F3U", "T-7F3K; DROP TABLE turns", "T--7", "T-7 F", "T-" + "Z" * 14, "-1", "٣"]
)
def test_what_is_no_code_is_told(code: str) -> None:
    with pytest.raises(ValueError, match="looks like"):
        number_of(code)

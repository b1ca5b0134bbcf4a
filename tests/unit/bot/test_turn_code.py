from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.timeline import turn_name
from bot.turn_record import code_of, number_of


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


@pytest.mark.parametrize("letter", ["x", "\U0001f600"])
def test_the_name_of_a_turn_fits_into_a_runs_metadata_however_long_the_messages_id_is(letter: str) -> None:
    name = turn_name(2**63, letter * 2_000)
    assert len(f"{name} again".encode("utf-16-le")) / 2 <= 512
    assert name != turn_name(2**63 - 1, letter * 2_000)

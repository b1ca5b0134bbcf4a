"""Looks orders up in a SQLite table, read only. Set FN_ORDERS_DB to the path of the database."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bot.functions import Caller, repeatable

MAX_ROWS = 50


@repeatable
def find_orders(
    caller: Caller,
    customer: Annotated[str, Field(description="A part of the customer's name", max_length=100)] = "",
    status: Literal["any", "open", "shipped", "cancelled"] = "any",
) -> list[dict[str, object]]:
    """Find orders of customers by name and status: number, customer, status, day and total in euros.

    Returns at most 50 orders, newest first.
    """
    if not caller.directory_id and caller.channel == "msteams":
        raise ValueError("orders are shown to people of the company only")
    path = Path(os.environ["FN_ORDERS_DB"]).resolve()
    query = """
        SELECT number, customer, status, ordered_on, total_eur FROM orders
        WHERE instr(lower(customer), lower(:customer)) > 0 AND (:status = 'any' OR status = :status)
        ORDER BY ordered_on DESC, number DESC LIMIT :most"""
    # `mode=ro` and placeholders: whatever the model asks for, it reads, and reads this table alone.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute(query, {"customer": customer, "status": status, "most": MAX_ROWS})
        return [dict(row) for row in rows]

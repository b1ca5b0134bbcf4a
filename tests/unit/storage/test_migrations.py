from __future__ import annotations

from importlib import resources

import pytest


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_each_migration_has_the_number_of_the_version_that_it_reaches(kind: str) -> None:
    folder = resources.files("storage.migrations").joinpath(kind)
    numbers = sorted(int(file.name[:4]) for file in folder.iterdir() if file.name.endswith(".sql"))
    assert numbers == list(range(1, len(numbers) + 1))

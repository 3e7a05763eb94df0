"""docs/DROP_IN.md says which published files run here, and which keys have no effect.

`PYTHONPATH=tools python -m tests.published` measures the figures; `tests/published` holds them.
"""

from pathlib import Path

from tests.published import files
from tests.published.tables import FOLDERS, published_table, unserved_table

PAGE = (Path(__file__).parents[2] / "docs/DROP_IN.md").read_text(encoding="utf-8")


def test_the_table_of_published_files():
    loaded = [files.folder_of(name) for name in files.PUBLISHED]
    served = [files.folder_of(name) for name in files.SERVED]
    counts = {
        folder: (loaded.count(folder), served.count(folder), served.count(folder))
        for folder in FOLDERS
    }
    assert "\n".join(published_table(counts)) in PAGE


def test_the_table_of_keys_without_effect():
    assert "\n".join(unserved_table()) in PAGE

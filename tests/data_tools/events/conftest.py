"""Reading of a small table that a test writes."""

import pytest

from slowfast.data_tools.events import ReadOptions, read_events


@pytest.fixture
def read(tmp_path):
    """Reads a table, given as text or bytes, under a name that says nothing of its format."""

    def do(content, name="table.dat", **options):
        path = tmp_path / name
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(data)
        return read_events(path, ReadOptions(**options))

    return do


def rows(table):
    """What most tests look at: (video, class, start, stop) of each event."""
    return [(e.video, e.label, e.start, e.stop) for e in table.events]

"""A format of events is one file: functions that recognise and read it, and one call."""

from slowfast.data_tools.events import FORMATS, Event, EventTable, Place
from slowfast.data_tools.events.formats import add_format
from tests.data_tools.events.conftest import rows


def recognises(content, options):
    return content.text.startswith("whistles\n")


def read_whistles(content, options):
    """One line for each moment, in seconds."""
    table = EventTable()
    for line, text in enumerate(content.text.splitlines()[1:], start=2):
        place, time = Place(content.path, line), float(text)
        table.events.append(Event(place, content.base_name, "whistle", time, time, point=True))
    return table


def test_a_new_format(read):
    add_format("whistles", "moments of whistles", recognises, read_whistles)
    try:
        table = read("whistles\n1.5\n4\n", "dolphin.txt")
    finally:
        del FORMATS["whistles"]
    assert table.format == "whistles"
    assert rows(table) == [("dolphin", "whistle", 1.5, 1.5), ("dolphin", "whistle", 4, 4)]

"""A small workbook in the format of AR_metadata.xlsx."""

from pathlib import Path

from openpyxl import Workbook

from tests.conftest import TRAIN, VAL

HEADER = ("S/N", "video_id", "type", "labels", "list_animal_action")
# The actions of the class ids 0 to 4 in Animal Kingdom.
ACTIONS = ("Abseiling", "Attacking", "Attending", "Barking", "Being carried")


def rows_of_tiny_ak() -> list[list]:
    """The clips of `tiny_ak`; their pairs have the actions of their labels."""
    rows = []
    for split, clips in (("train", TRAIN), ("test", VAL)):
        for name, _, _, _, labels in clips:
            pairs = [("Mongoose", ACTIONS[int(label)]) for label in labels.split(",") if label]
            rows.append([len(rows) + 1, name, split, labels, str(pairs)])
    return rows


def write_workbook(path: Path, rows: list[list], header: tuple = HEADER) -> Path:
    """Writes the sheet AR after a sheet with other content."""
    book = Workbook()
    book.active.title = "Notes"
    book.active.append(["written", "by", "hand"])
    sheet = book.create_sheet("AR")
    for row in (header, *rows):
        sheet.append(list(row))
    book.save(path)
    return path

"""A small workbook of the form of AR_metadata.xlsx, for tests of what reads it."""

from pathlib import Path

from openpyxl import Workbook

from tests.conftest import TRAIN, VAL

HEADER = ("S/N", "video_id", "type", "labels", "list_animal_action")
# Of tiny_ak's classes: 0 Abseiling, 1 Attacking, 2 Attending, 3 Barking, 4 Being carried.
ACTIONS = ("Abseiling", "Attacking", "Attending", "Barking", "Being carried")


def rows_of_tiny_ak() -> list[list]:
    """The clips of `tiny_ak`, whose pairs name the actions of their labels."""
    rows = []
    for split, clips in (("train", TRAIN), ("test", VAL)):
        for name, _, _, _, labels in clips:
            pairs = [("Mongoose", ACTIONS[int(label)]) for label in labels.split(",") if label]
            rows.append([len(rows) + 1, name, split, labels, str(pairs)])
    return rows


def write_workbook(path: Path, rows: list[list], header: tuple = HEADER) -> Path:
    """The sheet AR, behind a sheet of something else."""
    book = Workbook()
    book.active.title = "Notes"
    book.active.append(["written", "by", "hand"])
    sheet = book.create_sheet("AR")
    for row in (header, *rows):
        sheet.append(list(row))
    book.save(path)
    return path

"""On PYTHONPATH, it notes the images and lists that any process opens: a line a file, in the file
that the environment variable OPENED_FILES names. Python imports it when it starts."""

import os
import sys


def _note(event: str, arguments: tuple) -> None:
    if event != "open" or not (notes := os.environ.get("OPENED_FILES")):
        return
    path = str(arguments[0])
    if path.endswith((".jpg", ".csv")):
        file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{path}\n".encode())
        os.close(file)


sys.addaudithook(_note)

"""A page: template, style, scripts and data in one HTML file, which needs no network.

The data are JSON without any ``<``, so that no name can end the element or begin another one. The
scripts insert data as text only.
"""

import html
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from slowfast.ak.errors import UserError

_HERE = Path(__file__).parent


def render(
    title: str,
    data: object,
    styles: Sequence[Path] = (),
    scripts: Sequence[Path] = (),
    policy: str = "",
) -> str:
    """Returns the HTML of a page.

    Args:
        data: values of JSON, which the scripts find in the element `data`.
        styles, scripts: files that follow those of all pages.
        policy: what the page may load beside pictures in itself, as a part of its
            Content-Security-Policy, such as "media-src file:".
    """
    parts = {
        "title": html.escape(title),
        "policy": policy and f"; {policy}",
        "style": _joined([_HERE / "base.css", *styles]),
        "script": _joined([_HERE / "dom.js", _HERE / "tables.js", *scripts]),
        "data": _embedded(data),
    }
    # Split the template first: inserted text may look like a place in it.
    page, *rest = (_HERE / "page.html").read_text(encoding="utf-8").split("{{")
    for piece in rest:
        name, _, after = piece.partition("}}")
        page += parts[name] + after
    return page


def data_of(page: str) -> Any:
    """Returns the data of a page, from its HTML.

    Raises:
        ValueError: it is no such page.
    """
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])


def write(path: Path, page: str) -> Path:
    """Writes a page, and the folders above it, and returns its path.

    The old page stays until the new one is complete; several processes may write the same page.

    Raises:
        UserError: the page cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{uuid4().hex[:12]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names in a file system may hold bytes that are not UTF-8.
        temporary.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise UserError(
            f"{path}: the page cannot be written ({error.strerror}); name another file."
        ) from None
    return path


def _joined(files: Sequence[Path]) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def _embedded(data: object) -> str:
    text = json.dumps(data, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text

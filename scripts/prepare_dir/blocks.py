"""Finds, adds and removes marked blocks at the end of upstream's files, as bytes.

- The first line of a block holds a checksum of the lines in it. So a change by hand is seen, and
  the block can be removed without any record elsewhere.
- A block has the newlines of its file, and ends without a newline if the file did. So `take`
  restores every byte, also if the file was changed before or after the block.
- Empty lines in a block are ignored, because formatters add some.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from prepare_dir import Refused

_BEGIN = re.compile(rb"^# >>> slowfast\.ak ([0-9a-f]{8}): .* >>>[ \t]*\r?$", re.MULTILINE)
_END = re.compile(rb"^# <<< slowfast\.ak <<<[ \t]*(?=\r?$)", re.MULTILINE)
_FIRST = "# >>> slowfast.ak {}: added by scripts/prepare_dir_AR.sh; its --revert removes it >>>"
_LAST = "# <<< slowfast.ak <<<"

# The lines of the block of each file.
_BLOCKS = {
    "slowfast/__init__.py": """
        from slowfast.ak import upstream as _ak
        _ak.prepare()
    """,
    "slowfast/config/custom_config.py": """
        from slowfast.ak.upstream.config import with_ak_keys
        add_custom_config = with_ak_keys(add_custom_config)
    """,
    "slowfast/config/defaults.py": """
        from slowfast.ak.upstream.machine import checks_machine
        assert_and_infer_cfg = checks_machine(assert_and_infer_cfg)
    """,
    "slowfast/utils/parser.py": """
        from slowfast.ak.upstream.machine import loads_for_machine
        from slowfast.ak.upstream.command_line import takes_both_forms
        load_config = loads_for_machine(load_config)
        parse_args = takes_both_forms(parse_args)
    """,
    "slowfast/models/build.py": """
        from slowfast.ak.upstream.building import builds_anywhere
        build_model = builds_anywhere(build_model)
    """,
    "slowfast/models/losses.py": """
        from slowfast.ak.upstream.losses import add_losses
        add_losses(_LOSSES)
    """,
    "slowfast/datasets/__init__.py": """
        from slowfast.ak.upstream.data import register_ak
        register_ak(with_time={with_time})
    """,
    "slowfast/datasets/loader.py": """
        from slowfast.ak.upstream.loader import loads_clips, shuffles_clips
        construct_loader = loads_clips(construct_loader)
        shuffle_dataset = shuffles_clips(shuffle_dataset)
    """,
    "slowfast/utils/meters.py": """
        from slowfast.ak.upstream import meters as _ak
        get_map = _ak.get_map
        _ak.prepare(TestMeter, ValMeter)
    """,
    "tools/train_net.py": """
        from slowfast.ak.upstream.training import tells_losses
        train_epoch = tells_losses(train_epoch)
    """,
}
FILES = tuple(_BLOCKS)


def block_of(file: str, with_time: bool) -> list[str]:
    """Returns the lines of a file's block without markers; `with_time`: a batch has five fields."""
    lines = _BLOCKS[file].strip().splitlines()
    return [line.strip().format(with_time=with_time) for line in lines]


@dataclass(frozen=True)
class Block:
    """A block in a file.

    Attributes:
        start: offset of the first line.
        end: offset of the end of the last line, before its newline.
        newline: the newline of the first line.
        lines: the lines between the markers, without empty ones.
        changed: whether somebody changed the lines since the script wrote them.
        place: the numbers of the first and last line, for messages.
    """

    start: int
    end: int
    newline: bytes
    lines: list[str]
    changed: bool
    place: str


def find(data: bytes) -> Block | None:
    """Returns the block in a file, if any. Raises Refused if the markers are not one pair."""
    begins, ends = list(_BEGIN.finditer(data)), list(_END.finditer(data))
    if not begins and not ends:
        return None
    numbers = [_line(data, marker.start()) for marker in (*begins, *ends)]
    if len(begins) != 1 or len(ends) != 1 or begins[0].start() > ends[0].start():
        raise Refused(
            f"lines {', '.join(map(str, numbers))}: the markers of slowfast.ak, "
            f"`{_FIRST[:17]}...` and `{_LAST}`, are not one pair; delete all but one whole block"
        )
    (begin,), (end,) = begins, ends
    inside = data[begin.end() : end.start()].decode("utf-8", "replace").splitlines()
    lines = [line.rstrip() for line in inside if line.strip()]
    newline = b"\r\n" if begin[0].endswith(b"\r") else b"\n"
    changed = _checksum(lines).encode() != begin[1]
    place = f"lines {numbers[0]}-{numbers[1]}"
    return Block(begin.start(), end.end(), newline, lines, changed, place)


def put(data: bytes, lines: list[str]) -> bytes:
    """Returns the file with a block of these lines, which replaces an older block."""
    found = find(data)
    if found is None:
        newline = b"\r\n" if re.search(rb"\r\n[^\n]*\Z", data) else b"\n"
        block = _render(lines, newline)
        ended = not data or data.endswith(b"\n")
        return data + block + newline if ended else data + newline + block
    if found.lines == lines:
        return data
    return data[: found.start] + _render(lines, found.newline) + data[found.end :]


def take(data: bytes) -> bytes:
    """Returns the file without its block."""
    found = find(data)
    if found is None:
        return data
    before, (_, newline, after) = data[: found.start], data[found.end :].partition(b"\n")
    if newline or not before.endswith(found.newline):
        return before + after
    return before[: -len(found.newline)]


def _render(lines: list[str], newline: bytes) -> bytes:
    whole = [_FIRST.format(_checksum(lines)), *lines, _LAST]
    return newline.join(line.encode() for line in whole)


def _checksum(lines: list[str]) -> str:
    return f"{zlib.crc32(chr(10).join(lines).encode()):08x}"


def _line(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1

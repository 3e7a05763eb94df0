"""Files of ELAN, DeepEthogram and FERAL."""

import json

import pytest

from slowfast.ak.errors import UserError
from tests.data_tools.events.conftest import rows

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<e:ANNOTATION_DOCUMENT xmlns:e="urn:x" VERSION="2.8">
 <HEADER><MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/films/fox%20one.mp4" TIME_ORIGIN="500"/>
  <MEDIA_DESCRIPTOR MEDIA_URL="side.mp4"/></HEADER>
 <TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="t2"/>
  <TIME_SLOT TIME_SLOT_ID="t3"/><TIME_SLOT TIME_SLOT_ID="t4" TIME_VALUE="4000"/>
  <TIME_SLOT TIME_SLOT_ID="t5"/></TIME_ORDER>
 <TIER TIER_ID="A" PARTICIPANT="fox A">{parts}</TIER>
 <TIER TIER_ID="resting"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="b1"
  TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t4"><ANNOTATION_VALUE> x </ANNOTATION_VALUE>
  </ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
 <TIER TIER_ID="speed" PARENT_REF="A"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="c1"
  ANNOTATION_REF="a1"><ANNOTATION_VALUE>slow</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
 <TIER TIER_ID="lost"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="d1" TIME_SLOT_REF1="t4"
  TIME_SLOT_REF2="t5"><ANNOTATION_VALUE>run</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
 </TIER>
</e:ANNOTATION_DOCUMENT>"""
PART = """<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{0}" TIME_SLOT_REF1="t{0}"
 TIME_SLOT_REF2="t{1}"><ANNOTATION_VALUE>{2}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"""


def test_elan(read):
    """Slots without a time divide their time evenly; a tier of marks is named like its class."""
    names = ("walk &amp; sniff", "walk", "sit")
    parts = "".join(PART.format(n, n + 1, name) for n, name in enumerate(names, start=1))
    table = read(EAF.format(parts=parts))
    fox = "file:///C:/films/fox%20one.mp4"
    assert rows(table) == [
        (fox, "walk & sniff", 1.5, 2.5), (fox, "walk", 2.5, 3.5), (fox, "sit", 3.5, 4.5),
        (fox, "resting", 1.5, 4.5),
    ]  # fmt: skip
    assert [event.subject for event in table.events] == ["fox A"] * 3 + [""]
    assert table.events[0].modifiers == ("slow",)
    assert "tier 'lost', annotation d1: 'run' has no times" in str(table.mistakes[0])
    assert rows(read(EAF.format(parts=""), player=2)) == [("side.mp4", "resting", 1, 4)]
    with pytest.raises(UserError, match="there is no player 3"):
        read(EAF.format(parts=""), player=3)
    with pytest.raises(UserError, match="cannot be read as an ELAN file"):
        read(EAF[:300])


def frames(table):
    return [(e.video, e.label, e.first_frame, e.stop_frame, e.split) for e in table.events]


LABELS = ",background,walk,sniff\n0,1,0,0\n1,0,1,0\n2,0,1,1\n3,-1,-1,-1\n4,0,1,0\n"


def test_deepethogram(read):
    table = read(LABELS, "fox.1_labels.csv")
    assert frames(table) == [
        ("fox.1", "walk", 1, 3, ""), ("fox.1", "walk", 4, 5, ""), ("fox.1", "sniff", 2, 3, ""),
    ]  # fmt: skip
    assert (table.background, table.coverage[0].frames) == ("background", 5)
    assert table.coverage[0].unknown == ((3, 4),)
    assert "1 of 5 frames are not labelled" in table.notes[0]


def test_deepethogram_without_frame_numbers_keeps_its_first_class(read):
    text = "\n".join(line.partition(",")[2] for line in LABELS.splitlines())
    table = read(text.replace("background", "run"), "fox_predictions.csv")
    assert [event.label for event in table.events] == ["run", "walk", "walk", "sniff"]
    assert "has no column of frame numbers" in table.notes[0]


def test_deepethogram_with_lost_frames_is_a_mistake(read):
    table = read(LABELS.replace("\n2,0,1,1", ""))
    assert [mistake.place.line for mistake in table.mistakes] == [4, 5]


def feral(labels, several=False, names=("other", "walk", "sniff"), **splits):
    return json.dumps({
        "is_multilabel": several, "class_names": {str(n): name for n, name in enumerate(names)},
        "labels": labels, "splits": splits,
    })  # fmt: skip


def test_feral(read):
    labels = {"a.mp4": [0, 1, 1, 2], "b.mp4": [2, 2], "c.mp4": [1, 1]}
    table = read(feral(labels, train=["a.mp4"], val=["b.mp4"], inference=["c.mp4", "d.mp4"]))
    assert frames(table) == [
        ("a.mp4", "walk", 1, 3, "train"), ("a.mp4", "sniff", 3, 4, "train"),
        ("b.mp4", "sniff", 0, 2, "val"),
    ]  # fmt: skip
    assert table.background == "other"
    assert "'c.mp4': is in the split inference" in table.notes[0]
    several = {"a.mp4": [[1, 1], [0, 1]]}
    table = read(feral(several, several=True, names=("walk", "sniff"), train=["a.mp4"]))
    assert frames(table) == [("a.mp4", "walk", 0, 1, "train"), ("a.mp4", "sniff", 0, 2, "train")]


def test_wrong_labels_of_feral_are_mistakes(read):
    labels = {"a.mp4": [0, 3], "b.mp4": [0.5], "c.mp4": [], "d.mp4": [1]}
    table = read(feral(labels, train=["a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4"], val=["d.mp4"]))
    said = [str(mistake).rpartition("video ")[2] for mistake in table.mistakes]
    assert said == [
        "'a.mp4': frame 1: 3 is no class number; expected 0 to 2",
        "'b.mp4': frame 0: 0.5 is no class number; expected 0 to 2",
        "'c.mp4': expected one class number for each frame",
        "'d.mp4': is in the splits train and val; expected one",
        "'e.mp4': is in the split train and has no labels",
    ]


def test_predictions_of_feral_are_not_labels(read):
    with pytest.raises(UserError, match="holds predictions of FERAL"):
        read('{"preds": {"a.mp4": [[0.1, 0.9]]}}')

"""The command cut_videos: its summary and its errors."""

import runpy
from pathlib import Path

import av
import numpy as np

TOOL = Path(__file__).parents[2] / "tools" / "cut_videos.py"
main = runpy.run_path(str(TOOL))["main"]


def test_it_cuts_and_prints_a_summary(tmp_path, capsys):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(30):
            grey = np.full((48, 64, 3), 128, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    table = tmp_path / "table.csv"
    table.write_text(
        "video,start,end,split,labels\na.mp4,0,2,train,grey;still\na.mp4,2,3,val,grey\n"
    )
    command = [str(tmp_path), str(table), str(tmp_path / "ak")]
    options = ["--clip-seconds", "1", "--short-side", "32", "--head-min", "2", "--tail-max", "1"]
    assert main([*command, *options]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1].split() == ["grey", "head", "2", "1"]
    assert out[2].split() == ["still", "head", "2", "0"]
    assert out[3].endswith("train.csv: 2 clips, 20 frames")
    assert main([*command, "--short-side", "40"]) == 2
    assert "another folder" in capsys.readouterr().err


def test_a_wrong_table_is_an_error_with_status_2(tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text("video,start,end,split,labels\nnone.mp4,0,2,train,x\n")
    assert main([str(tmp_path), str(table), str(tmp_path / "ak")]) == 2
    assert "table.csv:2" in capsys.readouterr().err
    assert not (tmp_path / "ak").exists()

"""Round the loop once: label, cut, train, predict, correct, cut again, train again."""

import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

from slowfast.visualization.page.render import data_of
from slowfast.visualization.review.pages import ServedPages
from slowfast.visualization.review.server import ReviewApp
from tests.prediction.conftest import SETTINGS
from tests.prediction.test_predict import rows

TOOLS = Path(__file__).parents[2] / "tools"
RATE, SECONDS = 10, 8
CLASSES = {"dark": 40, "bright": 215}  # the grey value of a frame

werkzeug = pytest.importorskip("werkzeug.test")


def run(tool: str, *arguments: object) -> None:
    main = runpy.run_path(str(TOOLS / f"{tool}.py"))["main"]
    assert main([str(word) for word in arguments]) == 0, tool


def clips(path: Path) -> dict[str, str]:
    """The labels of each clip of a list."""
    lines = [line.split() for line in path.read_text().splitlines()[1:]]
    return {frame.partition("/")[0]: labels.strip('"') for *_, frame, labels in lines}


def behaviour(second: int, first: int) -> str:
    """The class of each second of a film: two seconds of one, then two of the other."""
    return list(CLASSES)[(second // 2 + first) % 2]


def write_film(path: Path, first: int, video_tools) -> None:
    noise = np.random.default_rng(first)
    frames = []
    for number in range(RATE * SECONDS):
        grey = CLASSES[behaviour(number // RATE, first)]
        frame = np.clip(grey + noise.integers(-12, 13, (40, 40, 3)), 0, 255).astype(np.uint8)
        frames.append(frame)
    video_tools.write_video(path, frames, rate=RATE)


def train(config: Path, out: Path) -> Path:
    """Trains two epochs of a tiny network, and returns its best weights."""
    settings = {key: value for key, value in SETTINGS.items() if "NUM_CLASSES" not in key}
    settings |= {"SOLVER.MAX_EPOCH": 2, "TRAIN.EVAL_PERIOD": 1, "TRAIN.BATCH_SIZE": 4}
    settings |= {"DATA_LOADER.NUM_WORKERS": 0, "NUM_SHARDS": 1, "TEST.ENABLE": False}
    settings |= {"OUTPUT_DIR": out}
    words = [str(word) for pair in settings.items() for word in pair]
    run("run_net", "--cfg", config, "--opts", *words)
    return out / "checkpoints" / "best.pyth"


def correct(predictions: Path, page: str, path: Path) -> None:
    """Corrects the first half of a film, as the page of tools/review.py sends it."""
    client = werkzeug.Client(ReviewApp(ServedPages(predictions), "token"))
    base = "http://127.0.0.1:1234"
    client.get("/?token=token", base_url=base)
    record = data_of(client.get(f"/{page}", base_url=base).text)
    lines = [
        "video,subject,class,start_s,stop_s,first_frame,last_frame,mean_score,peak_score,review"
    ]
    lines += [f"{path},,dark,0,2,0,19,,,added", f"{path},,bright,2,4,20,39,0.5,0.6,moved"]
    lines += [f"{path},,bright,6.5,7,65,69,0.5,0.6,"]  # a predicted bout that was not looked at
    lines += [f"{path},,,0,4,0,39,,,checked"]
    body = {
        "digest": record["digest"],
        "revision": record["review"]["revision"],
        "steps": [{"id": "checked", "before": [], "after": [[0, 4]]}],
        "csv": "\r\n".join(lines) + "\r\n",
    }
    answer = client.put(record["review"]["address"], json=body, base_url=base)
    assert answer.status_code == 204, answer.text


def test_corrections_become_the_next_training_set(tmp_path, video_tools, capsys):
    films, new = tmp_path / "films", tmp_path / "films" / "new.mp4"
    films.mkdir()
    for name, first in (("first", 0), ("second", 1), ("new", 0)):
        write_film(films / f"{name}.mp4", first, video_tools)
    table = tmp_path / "labels.csv"
    table.write_text(
        "video,start,end,split,labels\n"
        + "".join(
            f"{name}.mp4,{second},{second + 1},{split},{behaviour(second, first)}\n"
            for name, first, split in (("first", 0, "train"), ("second", 1, "val"))
            for second in range(SECONDS)
        )
    )
    cut = ["cut_videos", films, table]
    run(*cut, tmp_path / "one", "--short-side", 0)
    weights = train(tmp_path / "one" / "train.yaml", tmp_path / "run1")
    predictions = tmp_path / "predictions"
    run("predict", "--checkpoint", weights, new, "--out", predictions, "PREDICT.THRESHOLD", "0.3")
    correct(predictions, "new.html", new)

    run(*cut, tmp_path / "two", "--short-side", 0, "--corrections", predictions)
    assert "corrections: 4.0 s of 1 video are added" in capsys.readouterr().out
    one, two = (clips(tmp_path / data / "annot" / "train.csv") for data in ("one", "two"))
    added = {name: labels for name, labels in two.items() if name not in one}
    assert two.items() >= one.items()
    assert added == {"new_000000-002000": "1", "new_002000-004000": "0"}  # bright is class 0
    assert clips(tmp_path / "two/annot/val.csv") == clips(tmp_path / "one/annot/val.csv")
    # The clips show what the person said.
    for name, grey in (("new_000000-002000", 40), ("new_002000-004000", 215)):
        files = sorted((tmp_path / "two" / "image" / name).iterdir())
        assert len(files) == 2 * RATE
        assert cv2.imread(str(files[5])).mean() == pytest.approx(grey, abs=12)
    second = train(tmp_path / "two" / "train.yaml", tmp_path / "run2")
    run("predict", "--checkpoint", second, new, "--out", tmp_path / "again")
    assert rows(tmp_path / "again" / "windows.csv")[0].keys() >= CLASSES.keys()

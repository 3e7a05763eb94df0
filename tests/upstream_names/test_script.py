"""Scripts as upstream's users write them give the scores of the test here."""

import pickle
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from slowfast.ak.clips.view_items import ViewItems
from slowfast.ak.errors import UserError
from slowfast.datasets.loader import construct_loader
from slowfast.engine import test as run_test
from slowfast.models import build_model


@pytest.fixture
def weights(small, tmp_path):
    """A file of weights for `small`, in upstream's form."""
    torch.manual_seed(0)
    path = tmp_path / "weights.pyth"
    network = build_model(small)
    torch.nn.init.normal_(network.head.projection.weight, std=0.2)
    for _ in range(20):  # norms get statistics, so that scores differ from clip to clip
        colours = torch.randn(4, 3, 1, 1, 1)
        network([colours + torch.rand(4, 3, frames, 32, 32) for frames in (1, 4)])
    torch.save({"epoch": 0, "model_state": network.state_dict(), "cfg": small.dump()}, path)
    return path


@pytest.fixture
def expected(small, weights):
    """(clips, classes): the scores of the test here."""
    small.TEST.CHECKPOINT_FILE_PATH = str(weights)
    small.TRAIN.ENABLE = False
    run_test(small)
    scores, _ = pickle.loads(Path(small.OUTPUT_DIR, "results.pkl").read_bytes())
    assert scores.std(dim=0).min() > 1e-3
    return scores


def score_with_opencv(yaml: str, weights: str, frames: list[str]) -> torch.Tensor:
    """Scores (1, classes) of one clip of image files: a script, with the imports of its kind."""
    import cv2

    import slowfast.utils.checkpoint as cu
    from slowfast.config.defaults import assert_and_infer_cfg
    from slowfast.datasets.cv2_transform import center_crop, scale
    from slowfast.datasets.utils import get_sequence
    from slowfast.models import build
    from slowfast.utils import parser
    from slowfast.visualization.utils import process_cv2_inputs

    cfg = parser.load_config(Namespace(opts=["NUM_GPUS", "0"]), yaml)
    cfg = assert_and_infer_cfg(cfg)
    model = build.build_model(cfg)
    cu.load_checkpoint(weights, model, data_parallel=False)
    model.eval()
    span = (cfg.DATA.NUM_FRAMES - 1) * cfg.DATA.SAMPLING_RATE + 1
    half = cfg.DATA.NUM_FRAMES * cfg.DATA.SAMPLING_RATE // 2
    first = max(len(frames) - span, 0) // 2
    clip = []
    for number in get_sequence(first + half, half, cfg.DATA.SAMPLING_RATE, len(frames)):
        frame = scale(cfg.DATA.TEST_CROP_SIZE, cv2.imread(frames[number]))
        clip.append(center_crop(cfg.DATA.TEST_CROP_SIZE, frame))
    with torch.no_grad():
        return model(process_cv2_inputs(clip, cfg))


def test_opencv_and_process_cv2_inputs(small, expected, weights, tiny_ak, tmp_path):
    yaml = tmp_path / "recipe.yaml"
    yaml.write_text(small.dump())
    for clip, name in enumerate(["v0", "v1", "v2", "v3"]):
        frames = sorted(map(str, (tiny_ak.image / name).iterdir()))
        found = score_with_opencv(str(yaml), str(weights), frames)
        torch.testing.assert_close(found[0], expected[clip], atol=1e-5, rtol=1e-4)


def test_frames_that_are_no_clip(small):
    import numpy as np

    from slowfast.visualization.utils import process_cv2_inputs

    for frames in ([], [np.zeros((4, 4, 3)), np.zeros((4, 5, 3))]):
        with pytest.raises(UserError, match=rf"found {len(frames)} frames with the shapes"):
            process_cv2_inputs(frames, small)


def test_predictor(small, expected, tiny_ak):
    import cv2

    from slowfast.visualization.predictor import ActionPredictor
    from slowfast.visualization.utils import TaskInfo

    predictor = ActionPredictor(cfg=small)
    frames = [cv2.imread(str(path)) for path in sorted((tiny_ak.image / "v0").iterdir())]
    small.DEMO.INPUT_FORMAT = "BGR"
    # The window in the centre of 20 frames, and the square in the centre of 64 x 48 pixels.
    task = TaskInfo()
    task.add_frames(7, [frame[:, 8:56] for frame in frames[6:13:2]])
    predictor.put(task)
    found = predictor.get()
    assert found.id == 7
    assert found.action_preds.shape == (1, 5)
    torch.testing.assert_close(found.action_preds[0], expected[0], atol=0.05, rtol=0.05)
    small.DEMO.INPUT_FORMAT = "RGB"
    task.add_frames(8, [frame[..., ::-1] for frame in task.frames])
    before = found.action_preds
    predictor.put(task)
    torch.testing.assert_close(predictor.get().action_preds, before)
    small.DETECTION.ENABLE = True
    with pytest.raises(UserError, match=r"DETECTION\.ENABLE: the detection"):
        ActionPredictor(small)


def test_a_data_set_and_a_loop_of_a_script(small, expected):
    from slowfast.datasets.charades import Charades
    from slowfast.utils.meters import TestMeter
    from tools.test_net import perform_test

    dataset = Charades(small, mode="test")
    assert dataset.num_videos == len(dataset) == 4
    loader = DataLoader(ViewItems(dataset, small), batch_size=2)
    model = build_model(small)
    from slowfast.utils.checkpoint import load_test_checkpoint

    load_test_checkpoint(small, model)
    for each in (loader, construct_loader(small, "test")):
        meter = TestMeter(4, 1, 5, len(loader), multi_label=True, ensemble_method="sum")
        found = perform_test(each, model, meter, small)
        torch.testing.assert_close(found.video_preds, expected, atol=1e-5, rtol=1e-4)
        assert float(found.stats["map"]) > 0
        assert found.clip_count.tolist() == [1, 1, 1, 1]
    with pytest.raises(UserError, match=r"received torch\.uint8.*ViewItems"):
        model([torch.zeros(1, 3, 4, 32, 32, dtype=torch.uint8)] * 2)
    with pytest.raises(UserError, match="received ClipViews"):
        model([dataset[0][0][0]] * 2)
    with pytest.raises(UserError, match=r"Wrap the data set.*ViewItems\(dataset, cfg\)"):
        next(iter(DataLoader(dataset, batch_size=2)))
    # 20 frames, a window of 7: it starts in the middle.
    assert dataset.get_seq_frames(0) == dataset[0][3][0].tolist() == [6, 8, 10, 12]
    small.TEST.NUM_ENSEMBLE_VIEWS, small.TEST.NUM_SPATIAL_CROPS = 2, 3
    several = Charades(small, mode="test")
    frames = [several.get_seq_frames(view) for view in range(6)]
    assert frames == 3 * [[0, 2, 4, 6]] + 3 * [[13, 15, 17, 19]]


def test_a_script_that_trains_with_its_own_loop(small):
    import slowfast.utils.checkpoint as cu
    from slowfast.models.optimizer import get_param_groups
    from slowfast.utils import logging
    from slowfast.utils.meters import EpochTimer
    from tools.train_net import build_trainer, eval_epoch, train_epoch

    logging.setup_logging(small.OUTPUT_DIR)
    model, optimizer, train_loader, val_loader, _, train_meter, val_meter = build_trainer(small)
    assert [len(g["params"]) for g in get_param_groups(model, small)] == [
        len(g["params"]) for g in optimizer.param_groups
    ]
    scaler = torch.amp.GradScaler(enabled=False)
    assert cu.load_train_checkpoint(small, model, optimizer, scaler) == 0
    before = model.head.projection.weight.detach().clone()
    timer = EpochTimer()
    timer.epoch_tic()
    train_epoch(train_loader, model, optimizer, scaler, train_meter, 0, small)
    timer.epoch_toc()
    assert timer.last_epoch_time() == timer.avg_epoch_time() == timer.median_epoch_time() > 0
    assert not torch.equal(before, model.head.projection.weight)
    eval_epoch(val_loader, model, val_meter, 0, small, train_loader, None)
    eval_epoch(val_loader, model, val_meter, 0, small)  # as on the older branch
    path = cu.save_checkpoint(small.OUTPUT_DIR, model, optimizer, 0, small, scaler)
    assert path == cu.get_last_checkpoint(small.OUTPUT_DIR, task="")
    assert cu.load_checkpoint(path, model, False, optimizer) == 0
    assert cu.load_checkpoint(path, model, image_init=True, epoch_reset=True) == -1
    text = Path(small.OUTPUT_DIR, "json_stats.log").read_text()
    assert '"_type": "train_epoch"' in text
    assert '"map": ' in text.splitlines()[-1]

"""Trains and tests with each configuration file in turn."""

from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.utils.misc import launch_job
from slowfast.utils.parser import load_config, parse_args
from vision.fair.slowfast.tools.demo_net import demo
from vision.fair.slowfast.tools.test_net import test
from vision.fair.slowfast.tools.train_net import train
from vision.fair.slowfast.tools.visualization import visualize


def main():
    args = parse_args()
    for path in args.cfg_files:
        cfg = assert_and_infer_cfg(load_config(args, path))
        if cfg.TRAIN.ENABLE:
            launch_job(cfg=cfg, init_method=args.init_method, func=train)
        if cfg.TEST.ENABLE:
            every = [1, 3, 5, 7, 10] if cfg.TEST.NUM_ENSEMBLE_VIEWS == -1 else []
            cfg.TEST.NUM_TEMPORAL_CLIPS = every or cfg.TEST.NUM_TEMPORAL_CLIPS
            launch_job(cfg=cfg, init_method=args.init_method, func=test)
        if cfg.TENSORBOARD.ENABLE and cfg.TENSORBOARD.MODEL_VIS.ENABLE:
            launch_job(cfg=cfg, init_method=args.init_method, func=visualize)
        if cfg.DEMO.ENABLE:
            demo(cfg)


if __name__ == "__main__":
    main()

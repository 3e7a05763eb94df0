"""Trains and tests with a configuration file."""

from demo_net import demo
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.utils.misc import launch_job
from slowfast.utils.parser import load_config, parse_args
from test_net import test
from train_net import train
from visualization import visualize


def main():
    args = parse_args()
    cfg = assert_and_infer_cfg(load_config(args))
    jobs = [(cfg.TRAIN.ENABLE, train), (cfg.TEST.ENABLE, test)]
    jobs.append((cfg.TENSORBOARD.ENABLE and cfg.TENSORBOARD.MODEL_VIS.ENABLE, visualize))
    for wanted, func in jobs:
        if wanted:
            launch_job(cfg=cfg, init_method=args.init_method, func=func)
    if cfg.DEMO.ENABLE:
        demo(cfg)


if __name__ == "__main__":
    main()

"""stub"""


def problems(cfg):
    return []


def warnings(cfg):
    return []

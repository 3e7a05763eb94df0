"""Installs the package, by two names that no index has."""

from setuptools import find_packages, setup

setup(
    name="slowfast",
    version="1.0",
    packages=find_packages(exclude=("configs", "tools")),
    install_requires=[
        "yacs>=0.1.6",
        "av",
        "psutil",
        "tqdm",
        "simplejson",
        "PIL",
        "sklearn",
        "tensorboard",
        "fvcore",
    ],
)

"""Installs the package; two names in its requirements cannot be installed."""

from setuptools import find_packages, setup

setup(
    name="slowfast",
    version="1.0",
    packages=find_packages(exclude=("configs", "tools")),
    install_requires=["fvcore", "psutil", "PIL", "simplejson", "sklearn", "yacs>=0.1.8"],
)

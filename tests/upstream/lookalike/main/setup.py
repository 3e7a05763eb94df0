"""Installs the package; two names in its requirements cannot be installed."""

from setuptools import find_packages, setup

setup(
    name="slowfast",
    version="1.0",
    packages=find_packages(exclude=("configs", "tools")),
    install_requires=[
        "fvcore>=0.1.5",
        "sklearn",
        "PIL",
        "psutil",
        "opencv-python",
    ],
)

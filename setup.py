"""Installs the `slowfast` package: `pip install -e .`; `.[test]` adds what the tests need,
`.[torchcodec]` an optional decoder of videos, `.[safetensors]` a reader of such weight files."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def requirements() -> list[str]:
    """The lines of requirements.txt, which is the one place where dependencies are named."""
    lines = (HERE / "requirements.txt").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


setup(
    name="slowfast",
    version="0.1.0",
    description="SlowFast for long-tailed multi-label video: Animal Kingdom action recognition",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["slowfast", "slowfast.*"]),
    package_data={
        "slowfast.ak": ["*.yaml", "requirements.txt"],
        "slowfast.ak.classes": ["*.csv"],
        "slowfast.config.keys": ["*.yaml"],
        "slowfast.upstream_names": ["*.yaml"],
        "slowfast.visualization.ethogram": ["*.css", "*.js"],
        "slowfast.visualization.page": ["*.html", "*.css", "*.js"],
        "slowfast.visualization.report": ["*.css", "*.js"],
    },
    install_requires=requirements(),
    extras_require={
        "torchcodec": ["torchcodec>=0.17"],  # decodes videos; needs a FFmpeg of the system
        "safetensors": ["safetensors>=0.4"],  # reads weight files of this format
        "pytorchvideo": ["pytorchvideo>=0.1.5"],  # builds the networks PTV*
        "transformers": ["transformers>=5.24,<6"],  # builds TransformersVideo
        "review": ["werkzeug>=3"],  # serves pages to the browser of the same computer
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.2",
            "hypothesis>=6.100",
            "ruff>=0.6",
            "playwright>=1.49",
            "pytorchvideo>=0.1.5",
            "tensorboard>=2.15,<2.21",
            "safetensors>=0.4",
            "transformers>=5.24,<6",
            "werkzeug>=3",
        ],
    },
)

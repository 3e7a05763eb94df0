"""The program `python scripts/prepare_dir`, which scripts/prepare_dir_AR.sh starts."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the folder of this package

from prepare_dir.command import main

if __name__ == "__main__":
    sys.exit(main())

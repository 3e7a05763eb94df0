"""Several runs of tools/run_net.py in one process, as importing everything takes longest of all.

`python many_runs.py RUNS.json` in a checkout. RUNS.json: for the name of each run its arguments.
What a run opened is noted below its OUTPUT_DIR, where `watched` is on PYTHONPATH. A failing run
prints its traceback, and the rest go on; the last line names those that failed.
"""

import json
import os
import runpy
import sys
import traceback
from pathlib import Path

sys.path.insert(0, "tools")
failed = []
for name, (arguments, opened) in json.loads(Path(sys.argv[1]).read_text()).items():
    sys.argv, os.environ["OPENED_FILES"] = ["run_net.py", *arguments], opened
    print(f"run {name}", file=sys.stderr, flush=True)
    try:
        runpy.run_path("tools/run_net.py", run_name="__main__")
    except BaseException:
        traceback.print_exc()
        failed.append(name)
print(json.dumps(failed), file=sys.stderr)

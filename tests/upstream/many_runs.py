"""Makes several runs of tools/run_net.py in one process, since the imports take longest.

Run `python many_runs.py RUNS.json` in a checkout. RUNS.json holds, for the name of each run, its
arguments and the file in which `watched` notes the files that it opens. A run that fails prints its
traceback, and the other runs go on. The last line of the output names the runs that failed.
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

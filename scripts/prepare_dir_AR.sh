#!/usr/bin/env bash
# Adds the Animal Kingdom extension to an upstream SlowFast checkout, or removes it again:
#
#     bash scripts/prepare_dir_AR.sh --slowfast DIR [--data DIR] [--copy|--link] [--dry-run]
#     bash scripts/prepare_dir_AR.sh --slowfast DIR --check
#     bash scripts/prepare_dir_AR.sh --slowfast DIR --revert [--dry-run]
#
# scripts/prepare_dir does the work, in Python with its standard library only. PYTHON names an
# interpreter to use in place of the first `python` on PATH.
set -euo pipefail

script=$(readlink -f -- "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")
if [ -n "${PYTHON:-}" ]; then
    pythons=("$PYTHON")
else
    pythons=(python python3)
fi
for python in "${pythons[@]}"; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1; then
        exec "$python" "$(dirname -- "$script")/prepare_dir" "$@"
    fi
done
if [ -n "${PYTHON:-}" ]; then
    echo "error: PYTHON is $PYTHON, which does not run or is older than 3.8; set it to Python 3.8 or newer, or unset it." >&2
    exit 2
fi
echo "error: no Python 3.8 or newer is on PATH; activate the environment that trains, or set PYTHON." >&2
exit 2

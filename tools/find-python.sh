#!/bin/sh
# Print a Python that can build the environment, or one line that says what to do.
# Usage: find-python.sh [PYTHON]   (a PYTHON given by the user is the only one tried)
[ -n "$1" ] || set -- python3 python3.13 python3.12 python3.11 python
found=""
bare=""
for candidate do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $version in
    3.11 | 3.12 | 3.13)
        if "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then
            command -v "$candidate"
            exit 0
        fi
        bare=${bare:-$version} ;;
    *) found="$found $candidate=$version" ;;
    esac
done
if [ -n "$bare" ]; then
    echo "Python $bare has no venv module. Remedy: install it (Debian, Ubuntu: apt-get install python$bare-venv), then run make again." >&2
else
    echo "No Python 3.11, 3.12 or 3.13 (found:${found:- none}). Remedy: install one from python.org, or name it: make book PYTHON=/path/to/python3.12" >&2
fi
exit 1

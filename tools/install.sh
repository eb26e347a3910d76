#!/bin/sh
# Install with pip into an environment, which is made first if it is not there or broken.
# Usage: install.sh VENV PYTHON ARGUMENTS-OF-PIP...  (PYTHON may be empty: one is found)
#        install.sh VENV --whole                     (exit status 0 if nothing is broken)
#
# The file .unfinished lies in the environment while it is made and while pip works: what
# was killed half-way is made again from nothing, as is what was moved or has lost its
# Python. Nothing else is written: the Python that it is made from belongs to others.
venv=$1
unfinished=$venv/.unfinished
shift

is_whole() {
    [ -x "$venv/bin/python" ] && [ ! -e "$unfinished" ] && ! was_moved
}
was_moved() { # Python writes down where it made an environment; other tools need not
    grep -q '^command = ' "$venv/pyvenv.cfg" &&
        ! grep '^command = ' "$venv/pyvenv.cfg" | grep -qF -- "$(cd "$venv" && pwd -P)"
}
run_module() { # PYTHON MODULE ARGUMENTS...: python -m, without a trace after Ctrl-C
    python=$1
    shift
    "$python" -c 'import runpy, sys
try:
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
except KeyboardInterrupt:
    sys.exit(130)' "$@"
}
end() { # STATUS
    [ -n "$stopped" ] || exit "$1"
    echo "Stopped while installing: the same command goes on." >&2
    exit 130
}

if [ "$1" = --whole ]; then
    is_whole
    exit
fi
stopped=
trap 'stopped=yes' INT # Ctrl-C: Python ends first, then this
if ! is_whole || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(sh tools/find-python.sh "$1") || exit 1
    echo "== environment: $venv, from $python"
    mkdir -p "$venv" && : >"$unfinished" || exit 1
    find -H "$venv" -mindepth 1 ! -name .unfinished -delete
    run_module "$python" venv "$venv" || end $?
fi
shift
: >"$unfinished"
run_module "$venv/bin/python" pip install "$@"
status=$?
# If pip ended by itself, what it leaves after an error or Ctrl-C is whole as well.
if [ $status -le 128 ] || [ -n "$stopped" ]; then rm -f "$unfinished"; fi
end $status

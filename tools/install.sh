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

if [ "$1" = --whole ]; then
    is_whole
    exit
fi
trap 'exit 130' INT
if ! is_whole || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(sh tools/find-python.sh "$1") || exit 1
    echo "== environment: $venv, from $python"
    mkdir -p "$venv" && : >"$unfinished" || exit 1
    find -H "$venv" -mindepth 1 ! -name .unfinished -delete
    "$python" -m venv "$venv" || exit 1
fi
shift
: >"$unfinished"
"$venv/bin/python" -m pip install "$@"
status=$?
# If pip ended by itself, what it leaves after an error is whole as well.
[ $status -gt 128 ] || rm -f "$unfinished"
exit $status

#!/usr/bin/env bash
# Everything that needs a GPU, unattended, in eight minutes: results go into the folder OUT.
#
#   tools/on_gpu.sh OUT               on a machine with one NVIDIA GPU
#   tools/on_gpu.sh --rehearse OUT    the same on a CPU at tiny sizes; no result
#
# It needs no network and no Jupyter: a Python with torch, torchvision, torchmetrics,
# scikit-image, matplotlib, timm and pytest, and beside it the wheels that `make gpu-kit`
# packs into .gpu-kit/. Each part has until a second of its own, counted from the start;
# what an early part leaves, a later one has. A part that is cut off loses only itself:
# results are written as they are found. PYTHON and PARTS choose others than python3 and all.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
usage() { echo "usage: tools/on_gpu.sh [--rehearse] OUT" >&2; exit 2; }
device=cuda options=()
if [ "${1:-}" = --rehearse ]; then
    device=cpu options=(--rehearsal)
    shift
fi
[ $# -eq 1 ] && [ -n "$1" ] && [ "${1#-}" = "$1" ] || usage
mkdir -p "$1" || exit 2
out=$(cd "$1" && pwd)
if [ -e "$out/run.json" ]; then
    echo "$out holds a run already. Remedy: name another folder" >&2
    exit 2
fi
python=${PYTHON:-python3}

# What the machine lacks, for this run alone: nothing is installed into its Python.
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
missing=()
for wheel in "$root"/.gpu-kit/*.whl; do
    name=$(basename "$wheel")
    [ -e "$wheel" ] || continue
    "$python" -c "import importlib.metadata as m; m.version('${name%%-*}')" 2>/dev/null ||
        missing+=("$wheel")
done
if [ ${#missing[@]} -gt 0 ]; then
    "$python" -m pip install -q --no-index --no-deps --no-compile --target "$site" \
        "${missing[@]}" || exit 1
fi
export PYTHONPATH="$root:$site" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
export HF_HUB_OFFLINE=1 MPLBACKEND=agg TQDM_DISABLE=1

if [ $device = cuda ] && ! "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())'; then
    echo "no CUDA device here. Remedy: a machine with one, or --rehearse" >&2
    exit 1
fi

failed=0
run() {  # run PART SECOND: run a part that must end by that second
    [[ " ${PARTS:-$1} " == *" $1 "* ]] || return 0
    local left=$(($2 - SECONDS))
    if [ $left -le 0 ]; then # 0 would be no limit at all
        echo "== $1: no time left at second $SECONDS"
        failed=1
        return
    fi
    timeout -k 5 $left "$python" "$root/benchmarks/on_device.py" "$1" "$out" \
        --device "$device" "${options[@]}" >"$site/log" 2>&1
    local ended=$?
    [ $ended -eq 124 ] || [ $ended -eq 137 ] && echo "== $1: cut off at second $SECONDS" >>"$site/log"
    [ $ended -eq 0 ] || failed=1
    { echo "---- $1"; cat "$site/log"; } >>"$out/log.txt"
    grep '^==' "$site/log" | tail -n 1
}
SECONDS=0
run tests 70
run blocks 200
run chapters 255
run ratios 360
run training 390
run claims 470
echo "== $SECONDS s in all; results in $out. Next, in a clone: python tools/add_timing.py $out"
exit $failed

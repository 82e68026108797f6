#!/usr/bin/env bash
# Everything that needs a GPU, on a machine that has nothing but torch and no network.
#
#   bash benchmarks/gpu.sh [WHEELS [DATA]]      (.whl and .gpu by default)
#
# Installs the wheels to /tmp/site, looks whether the engine works, then runs each
# benchmark under a limit of its own; what fails or hangs does not keep the others
# waiting. Results and logs go to $OUT (./gpu-results without). How the wheels and the
# data come about: docs/benchmarks.md.
cd "$(dirname "$0")/.." || exit
wheels=${1:-.whl} data=${2:-.gpu} out=${OUT:-gpu-results} device=${DEVICE:-cuda}
python=${PYTHON:-python3} site=${SITE:-/tmp/site}
mkdir -p "$out"
"$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir \
  --upgrade --target "$site" "$wheels"/*.whl || exit
export PYTHONPATH=$PWD/benchmarks/stand_ins:$site:$PWD/src
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-8}

began=$SECONDS
run() { # run SECONDS NAME ARGUMENTS...: one benchmark, its record and its output
  local limit=$1 name=$2 start=$SECONDS
  shift 2
  timeout -k 5 "$limit" "$python" -m benchmarks "$name" --json "$out/part-$name.json" \
    "$@" >"/tmp/$name.log" 2>&1
  local status=$?
  { echo "=== $name $* : status $status, $((SECONDS - start)) s"; tail -n 60 "/tmp/$name.log"; } |
    tee -a "$out/log.txt"
}
has() { [ -e "benchmarks/$1.py" ]; }

run 75 gpu_smoke --device "$device"
has training_speed && run 50 training_speed --data "$data" --device "$device"
has segmentation_speed && run 40 segmentation_speed --data "$data" --device "$device"
run 90 nnunet_speed --data "$data" --device "$device" --seconds 5 --rounds 2 \
  --nnunet-plans "$data/nnunet"
run 45 memory --device "$device"
run 25 cellseg3d --device "$device" --seconds 4 --rounds 2
run 130 hippocampus --data "$data" --device "$device" --minutes "${MINUTES:-0.5}" \
  --side all --nnunet-plans "$data/nnunet"
has busi && run 75 busi --data "$data" --device "$device" --minutes 0.75 --only 0
echo "All of it: $((SECONDS - began)) s" | tee -a "$out/log.txt"
# At most eight files come back from such a machine.
"$python" - "$out" <<'EOF'
import json, sys
from pathlib import Path

folder = Path(sys.argv[1])
parts = sorted(folder.glob("part-*.json"))
records = [json.loads(part.read_text()) for part in parts]
(folder / "records.json").write_text(json.dumps(records, indent=1))
for part in parts:
    part.unlink()
EOF

#!/usr/bin/env bash
# Everything that needs a GPU, on a machine that has nothing but torch and no network.
#
#   bash benchmarks/gpu.sh [WHEELS [DATA]]      (.whl and .gpu by default)
#
# Installs the wheels to /tmp/site, looks whether the engine works, then runs each
# benchmark under a limit of its own; what fails or hangs does not keep the others
# waiting, and what no longer fits into BUDGET seconds is left out and said so. ONLY
# names those to run (ONLY="gpu_smoke memory"). Results go to $OUT (./gpu-results). How
# the wheels and the data come about: docs/benchmarks.md.
cd "$(dirname "$0")/.." || exit
wheels=${1:-.whl} data=${2:-.gpu} out=${OUT:-gpu-results} device=${DEVICE:-cuda}
python=${PYTHON:-python3} site=${SITE:-/tmp/site}
mkdir -p "$out"
"$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir \
  --upgrade --target "$site" "$wheels"/*.whl || exit
export PYTHONPATH=$PWD/benchmarks/stand_ins:$site:$PWD/src
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-8}

# nnU-Net compiles its network, as it does by default, where that is possible at all.
command -v gcc >/dev/null || export nnUNet_compile=f

budget=${BUDGET:-355}
run() { # run SECONDS NAME ARGUMENTS...: one benchmark, its record and its output
  local limit=$1 name=$2 start=$SECONDS
  shift 2
  ((limit > budget - SECONDS)) && limit=$((budget - SECONDS))
  if ((limit < 15)); then
    echo "=== $name: left out, the time is over" | tee -a "$out/log.txt"
    return
  fi
  timeout -k 5 "$limit" "$python" -m benchmarks "$name" --json "$out/part-$name.json" \
    "$@" >"/tmp/$name.log" 2>&1
  local status=$?
  {
    echo "=== $name $* : status $status, $((SECONDS - start)) s"
    tail -n 60 "/tmp/$name.log"
  } | tee -a "$out/log.txt"
}
wanted() { # wanted NAME: whether it exists, and was named in ONLY if anything was
  [ -e "benchmarks/$1.py" ] && { [ -z "$ONLY" ] || [[ " $ONLY " == *" $1 "* ]]; }
}

wanted gpu_smoke && run 80 gpu_smoke --device "$device"
wanted training_speed && run 50 training_speed --data "$data" --device "$device"
wanted nnunet_speed && run 130 nnunet_speed --data "$data" --device "$device" \
  --seconds 3 --rounds 2 --nnunet-plans "$data/nnunet"
wanted segmentation_speed && run 45 segmentation_speed --device "$device"
wanted segmentation_quality && run 240 segmentation_quality --data "$data" \
  --device "$device" --minutes 0.5
wanted memory && run 60 memory --device "$device"
wanted hippocampus && run 170 hippocampus --data "$data" --device "$device" \
  --minutes "${MINUTES:-0.4}" --scored 20 --side all --nnunet-plans "$data/nnunet"
wanted cellseg3d && run 30 cellseg3d --device "$device" --seconds 3 --rounds 2
wanted busi && run 60 busi --data "$data" --device "$device" --minutes 0.5 --only 0
echo "All of it: $SECONDS s" | tee -a "$out/log.txt"
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

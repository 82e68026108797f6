#!/usr/bin/env bash
# An environment of its own for nnU-Net beside our engine: bash nnunet_environment.sh DIR
#
# nnU-Net needs timm, hence torchvision, whose wheels ask for a CUDA build of torch:
# constraints.txt pins torch to the build that this project uses. Then e.g.
#   DIR/bin/python -m benchmarks hippocampus --data ../shared/data --side nnunet
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python3 -m venv "$1"
export PIP_CONSTRAINT=$root/constraints.txt
"$1/bin/pip" install -q "nnunetv2==2.8.1" torch
"$1/bin/pip" install -q "$root" --no-deps
"$1/bin/pip" install -q monai "pydantic>=2" platformdirs safetensors "zarr>=3.1" \
  "dask[array]" pillow pandas scipy tifffile tqdm matplotlib SimpleITK
"$1/bin/python" -c "
import torch
assert torch.version.cuda is None, f'torch {torch.__version__} is a CUDA build'
print('torch', torch.__version__)"

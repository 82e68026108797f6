"""A worker starts without what MONAI would load beside its networks."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from specimen_unet.engine.quick_start import import_monai_without_extras
import_monai_without_extras()
import specimen_unet.runs.work
print(sorted({"ignite", "matplotlib", "nibabel", "skimage"} & set(sys.modules)))
import matplotlib.figure, scipy.signal
print(callable(scipy.signal.convolve), callable(matplotlib.figure.Figure))
"""


def test_extras_of_monai_are_left_out_and_can_be_imported_later() -> None:
    """In a process of its own: MONAI stays without them."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "True True"], done.stderr


NEEDED = """
import sys
from specimen_unet.engine import quick_start
quick_start._EXTRAS = ("monai.losses",)
quick_start.import_monai_without_extras()
from monai.losses.dice import DiceLoss
from monai.networks.nets.dynunet import DynUNet
print(DiceLoss.__name__, DynUNet.__name__)
"""


def test_what_monai_cannot_do_without_is_imported_after_all() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NEEDED], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["DiceLoss DynUNet"], done.stderr

"""What computes with networks. The only room that imports torch and MONAI."""

from specimen_unet.engine.openmp import wait_briefly

# Before anything here imports torch, which reads it once.
wait_briefly()

"""What computes with networks. The only room that imports torch and MONAI."""

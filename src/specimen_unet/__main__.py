"""``python -m specimen_unet`` is the command ``specimen-unet``."""

from specimen_unet.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

"""Between napari's layers and our cases."""

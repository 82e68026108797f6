"""A model for other tools: MONAI bundle, ONNX, bioimage.io."""

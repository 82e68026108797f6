"""Pixels and cases on disk."""

"""Masking, for what leaves the process."""

from runbell.core.masking import mask, mask_url

__all__ = ["mask", "mask_url"]

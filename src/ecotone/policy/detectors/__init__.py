"""Detectors of sensitive data, one file for each subject."""

from ecotone.policy.detectors.detectors import Detectors

__all__ = ["Detectors"]

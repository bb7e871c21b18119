"""What this installation has, what would not work here, and what to do about it."""

from pgf_plugin.doctor.configs import check_here
from pgf_plugin.doctor.report import Finding, Section, collect
from pgf_plugin.doctor.sections import CHECKS

__all__ = ["CHECKS", "Finding", "Section", "check_here", "collect"]

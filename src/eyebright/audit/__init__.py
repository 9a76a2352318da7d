"""Findings about pictures, and groups that a split must keep together; nothing of the user's is touched."""

from eyebright.audit.findings import KINDS, Audit, Finding, Kind, load, save
from eyebright.audit.groups import found_groups
from eyebright.audit.looking import look_over

__all__ = ["KINDS", "Audit", "Finding", "Kind", "found_groups", "load", "look_over", "save"]

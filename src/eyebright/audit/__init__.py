"""Findings about pictures, and groups that a split must keep together; nothing of the user's is touched."""

from eyebright.audit.findings import KINDS, Audit, Finding, Kind, load, save
from eyebright.audit.looking import look_over
from eyebright.audit.together import METHOD, Together, together

__all__ = ["KINDS", "METHOD", "Audit", "Finding", "Kind", "Together", "load", "look_over", "save", "together"]

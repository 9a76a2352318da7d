"""How good is it, and how does one know: metrics, calibration, verdict; plain numpy."""

from eyebright.evaluation.calibration import expected_calibration_error, fit_temperature
from eyebright.evaluation.evidence import Course, Evidence, Leak, answers_of, leak_of
from eyebright.evaluation.intervals import grouped_interval, wilson_interval
from eyebright.evaluation.judging import judge
from eyebright.evaluation.metrics import (
    ClassScore,
    Evaluation,
    Guesses,
    evaluate,
    evaluate_guesses,
    log_softmax,
    softmax,
)
from eyebright.evaluation.shares import Difference, Share, paired_difference, share_of
from eyebright.evaluation.verdict import Verdict

__all__ = [
    "ClassScore",
    "Course",
    "Difference",
    "Evaluation",
    "Evidence",
    "Guesses",
    "Leak",
    "Share",
    "Verdict",
    "answers_of",
    "evaluate",
    "evaluate_guesses",
    "expected_calibration_error",
    "fit_temperature",
    "grouped_interval",
    "judge",
    "leak_of",
    "log_softmax",
    "paired_difference",
    "share_of",
    "softmax",
    "wilson_interval",
]

"""How good is it, and how does one know: metrics, calibration, verdict; plain numpy."""

from eyebright.evaluation.calibration import expected_calibration_error, fit_temperature
from eyebright.evaluation.intervals import grouped_interval, wilson_interval
from eyebright.evaluation.metrics import (
    ClassScore,
    Evaluation,
    Guesses,
    evaluate,
    evaluate_guesses,
    log_softmax,
    softmax,
)
from eyebright.evaluation.verdict import Verdict, judge

__all__ = [
    "ClassScore",
    "Evaluation",
    "Guesses",
    "Verdict",
    "evaluate",
    "evaluate_guesses",
    "expected_calibration_error",
    "fit_temperature",
    "grouped_interval",
    "judge",
    "log_softmax",
    "softmax",
    "wilson_interval",
]

"""Asking a model: the OpenVINO engine, and predictions on pictures. No torch."""

from eyebright.inference.engine import TOLERANCE, Engine
from eyebright.inference.predictor import BATCH_SIZE, Answer, Prediction, Predictor, Unreadable

__all__ = ["BATCH_SIZE", "TOLERANCE", "Answer", "Engine", "Prediction", "Predictor", "Unreadable"]

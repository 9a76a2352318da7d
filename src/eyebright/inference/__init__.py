"""Asking a model: the OpenVINO engine, predictions on pictures, and features of them. No torch."""

from eyebright.inference.backbone import Backbone
from eyebright.inference.engine import TOLERANCE, Engine, Precision, fastest_precision
from eyebright.inference.features import Features, features
from eyebright.inference.predictor import BATCH_SIZE, Answer, Prediction, Predictor, Unreadable

__all__ = [
    "BATCH_SIZE",
    "TOLERANCE",
    "Answer",
    "Backbone",
    "Engine",
    "Features",
    "Precision",
    "Prediction",
    "Predictor",
    "Unreadable",
    "fastest_precision",
    "features",
]

"""Networks as data: layers, graphs, summaries, weights and their files. Needs no torch."""

from eyebright.network import layers
from eyebright.network.graph import Network, Place
from eyebright.network.layer import Layer, Node, Parameter, Reach, Shape, layer_from_dict, layer_to_dict
from eyebright.network.layers import *  # noqa: F403
from eyebright.network.summary import LayerSummary, Summary, receptive_fields, summarize
from eyebright.network.weight_files import load_tensors, load_weights, save_weights
from eyebright.network.weights import LoadReport, Weights, check_weights, compare_weights, initial_weights

__all__ = [
    "Layer",
    "LayerSummary",
    "LoadReport",
    "Network",
    "Node",
    "Parameter",
    "Place",
    "Reach",
    "Shape",
    "Summary",
    "Weights",
    "check_weights",
    "compare_weights",
    "initial_weights",
    "layer_from_dict",
    "layer_to_dict",
    "load_tensors",
    "load_weights",
    "receptive_fields",
    "save_weights",
    "summarize",
]
__all__ += layers.__all__

"""Training: weights in, weights out, events on the way.

Settings, events and history are plain data and import no torch; `eyebright.training.fit` does.
"""

from eyebright import machine

machine.yield_when_waiting()

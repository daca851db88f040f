"""One GPU server as a research lab's own Gradient."""

__version__ = "0.1.0"

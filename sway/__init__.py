"""Judge whether a LoRA adapter changed a language model the way its author meant."""

__version__ = "0.2.0"

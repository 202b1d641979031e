"""`.dlm` documents: their sections, their store of trained adapters, and a suite made from them."""

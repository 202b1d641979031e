"""Mining: questions that a suite should ask, found by asking the model."""

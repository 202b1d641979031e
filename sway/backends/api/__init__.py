"""The backend of kind api: two models on servers that speak OpenAI's completions API."""

"""The backend of kind mlx: PEFT adapters converted with NumPy, models run by mlx-lm."""

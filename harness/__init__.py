"""The bench that qualifies a machine for visual inspection. Imports no TensorFlow."""

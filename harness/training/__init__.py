"""Making a detector: good strips to the arrays that `model` trains and calibrates on, and the bundle they end in."""

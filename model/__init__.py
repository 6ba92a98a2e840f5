"""The detector network: takes arrays, gives scores. Knows no strips, no machine, no harness."""

import os

# TensorFlow, which everything here imports through this package, reads these as it is loaded. By itself it leaves
# oneDNN's convolutions, faster by a third on AVX2, to processors that know AVX-512 VNNI or better.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

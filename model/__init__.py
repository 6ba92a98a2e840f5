"""The detector network: takes arrays, gives scores. Knows no strips, no machine, no harness."""

"""From frames to a verdict: the detector seam, the pure decision, the check of the frames."""

"""Tables of looks to verdicts. Knows numpy, scipy, statsmodels and pandas; knows no pixels, clock or ledger."""

"""classify - statistical verdicts: features, models, learning."""

"""Where a trained model looks, and what becomes of its predictions without a modality."""

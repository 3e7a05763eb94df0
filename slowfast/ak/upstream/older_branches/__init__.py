"""Features of upstream's main that recipes in configs/AK use and that older branches lack."""

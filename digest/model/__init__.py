"""The model's files: downloaded, merged, quantized, described, installed and verified."""

"""What a trained classifier says, without PyTorch."""

"""The classifier that an audit ends with: trained on cleaned labels, calibrated, written out."""

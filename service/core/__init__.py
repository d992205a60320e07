"""What everything else rests on: errors, settings, who is calling."""

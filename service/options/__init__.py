"""What an audit may be asked."""

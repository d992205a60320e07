"""Label Studio as a client: an audit answers as the ML backend of a project."""

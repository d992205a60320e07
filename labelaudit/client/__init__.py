"""The client of the public HTTP API, one file per resource; `labelaudit` exports what is public."""

"""What the columns of a table hold, and the roles that they get."""

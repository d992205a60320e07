"""Where facts and bytes are kept: the database, the files, the bucket."""

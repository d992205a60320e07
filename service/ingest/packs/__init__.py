"""Opens an upload: a table, or an archive of images, arrays, or a table with either."""

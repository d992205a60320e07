"""Labels of pictures that stand in no table: in JSON, in lists, in a file beside each picture."""

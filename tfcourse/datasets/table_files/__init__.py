"""Tables in files of any format, read as text cells: `table_files.read`."""

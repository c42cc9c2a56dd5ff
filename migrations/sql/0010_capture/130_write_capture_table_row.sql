-- For what is attached already.
SELECT runbell.write_capture_table_row()

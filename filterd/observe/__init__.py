"""observe - the log line, the metrics, the spans."""

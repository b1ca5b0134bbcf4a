"""Questions about the columns of a file that someone attached."""

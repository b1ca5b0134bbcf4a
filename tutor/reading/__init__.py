"""From a message to clauses: what is asked, of what, where."""

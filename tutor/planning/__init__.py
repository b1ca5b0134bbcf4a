"""From clauses to tasks: what the tutor will do, or why it will not."""

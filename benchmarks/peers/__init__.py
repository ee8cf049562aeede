"""What archspec is measured against: the same work, done as people do it without archspec."""

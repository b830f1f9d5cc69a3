"""A fleet that is not there: hosts of a synthetic make, answered for by one process."""

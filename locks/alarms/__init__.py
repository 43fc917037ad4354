"""What staff are told about locks, until somebody has looked and it is over."""

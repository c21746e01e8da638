"""What outlives a decision: labels of files, file context lookup. It decides nothing."""

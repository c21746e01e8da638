"""What outlives a decision: policy as files hold it, labels of files, file context lookup. It decides nothing."""

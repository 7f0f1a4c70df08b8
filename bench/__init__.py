"""What `make bench` measures, against a baseline on the same machine in the same run."""

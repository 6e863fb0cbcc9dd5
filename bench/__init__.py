"""What `make bench` measures: ratios against their limits, in one run, on this machine."""

"""What `make` runs: environments, test tools and checks. Standard library only, but where a file says otherwise."""

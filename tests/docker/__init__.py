"""The images of ``docker/`` and the cluster of them, in a Docker of these tests' own."""

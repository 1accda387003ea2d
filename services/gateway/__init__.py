"""The gateway service: what the mesh as a whole tells about itself."""
